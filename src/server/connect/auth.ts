import { createContextKey } from "@connectrpc/connect";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../../protocol/headers.ts";
import type { Runner } from "../domain/runner.ts";
import type { Presence } from "../services/presence.ts";
import { type RunnerIdentity, unregisteredRunner } from "../services/runner-identity.ts";
import type { CallContext } from "./call-context.ts";
import { toConnectError } from "./errors.ts";
import { remoteAddressKey } from "./remote-address.ts";

const runnerKey = createContextKey<Runner | undefined>(undefined, { description: "calling runner" });

/**
 * The gate of the runner calls: verifies uuid and token before the body is read, and notes that the runner is there.
 * @param reports the method is a report on a task, which a runner that has departed may still finish
 */
export function runnerGate(
  deps: { readonly identity: RunnerIdentity; readonly presence: Presence; readonly log: Logger },
  reports: boolean,
): (context: CallContext) => Promise<void> {
  return async (context) => {
    try {
      const { requestHeader: headers, values } = context;
      const uuid = headers.get(RUNNER_UUID_HEADER) ?? "";
      const token = headers.get(RUNNER_TOKEN_HEADER) ?? "";
      const runner = await deps.identity.identify(uuid, token, values.get(remoteAddressKey));
      if (runner.deletedAt === null) deps.presence.stamp(runner.id, reports);
      else if (!reports) throw unregisteredRunner();
      values.set(runnerKey, runner);
    } catch (error) {
      throw toConnectError(error, deps.log, context.method.name);
    }
  };
}

/** The runner that makes the call. @throws AppError internal when the call has no gate */
export function callingRunner(context: CallContext): Runner {
  const runner = context.values.get(runnerKey);
  if (runner === undefined) throw new AppError("internal", `${context.method.name} has no gate in front of it`);
  return runner;
}
