import { backOffMs } from "../lib/back-off.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { SERVER_CAPABILITIES_HEADER, SERVER_HEADER } from "../protocol/headers.ts";
import { classifyCallError } from "./call-failure.ts";
import type { RunnerClient } from "./client.ts";
import type { RunnerLabel } from "./labels.ts";
import { Outage } from "./report/outage.ts";

/** What a runner says at its start. */
export interface DeclareOptions {
  readonly address: string;
  readonly version: string;
  readonly labels: readonly RunnerLabel[];
  /** Words of what the runner can do. */
  readonly capabilities: readonly string[];
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What the server told of itself. */
export interface ServerFacts {
  /** Words of its capabilities header. */
  readonly capabilities: string;
  /** It is this project's: it parks polls and decides every job's condition. */
  readonly isOurs: boolean;
}

const CALL_TIMEOUT_MS = 30_000;
const BACK_OFF = { baseMs: 1_000, maxMs: 15_000 };

/**
 * Tells the server version, labels and abilities; tries until it answers.
 * @returns undefined when the signal aborted first
 * @throws AppError unauthenticated when the server does not know the runner; invalid when it, or a proxy, does not have the call
 */
export async function declare(client: RunnerClient, options: DeclareOptions): Promise<ServerFacts | undefined> {
  const { address, version, labels, capabilities, clock, ids, logger, signal } = options;
  const outage = new Outage(logger, "Declare");
  let headers = new Headers();
  while (!signal.aborted) {
    try {
      await client.runner.declare(
        { version, labels: labels.map((label) => label.name), capabilities: [...capabilities] },
        { timeoutMs: CALL_TIMEOUT_MS, signal, onHeader: (received) => (headers = received) },
      );
      outage.succeeded();
      return {
        capabilities: headers.get(SERVER_CAPABILITIES_HEADER) ?? "",
        isOurs: headers.has(SERVER_HEADER),
      };
    } catch (error) {
      if (signal.aborted) return undefined;
      const failure = classifyCallError(error);
      if (failure === "unregistered") {
        throw new AppError(
          "unauthenticated",
          `the server at ${address} does not know this runner: remove the runner file and register again`,
          error,
        );
      }
      if (failure === "unimplemented") {
        throw new AppError(
          "invalid",
          `${address} has no runner protocol below /api/actions: check the address and the proxies before it; Gitea has it since 1.21`,
          error,
        );
      }
      outage.failed(error);
    }
    await clock.sleep(backOffMs(outage.failures, BACK_OFF, ids), { signal }).catch(() => undefined);
  }
  return undefined;
}
