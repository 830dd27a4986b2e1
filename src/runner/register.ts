import { ConnectError } from "@connectrpc/connect";
import { backOffMs } from "../lib/back-off.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError, errorText } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { CANCELLING_CAPABILITY, DESCRIPTION_HEADER } from "../protocol/headers.ts";
import { createRunnerClient, type RunnerClient } from "./client.ts";
import { parseLabels } from "./labels.ts";
import { type RunnerFile, saveRunnerFile } from "./runner-file.ts";
import { lockRunnerFile } from "./runner-lock.ts";

/** What a registration needs. */
export interface RegisterOptions {
  /** Address of the instance. */
  readonly instance: string;
  /** Registration token. */
  readonly token: string;
  readonly name: string;
  /** What it is for. Our server keeps it, others ignore it. @default none */
  readonly description?: string;
  /** Full labels, `name[:schema[:arg]]`. */
  readonly labels: readonly string[];
  /** The runner takes one task in its life. @default false */
  readonly ephemeral?: boolean;
  /** Where the identity is written. */
  readonly file: string;
  readonly version: string;
  /** Takes any TLS certificate. @default false */
  readonly insecure?: boolean;
  readonly proxyEnv?: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Ends the waiting for the server. */
  readonly signal: AbortSignal;
}

const PING_BACK_OFF = { baseMs: 1_000, maxMs: 15_000 };
const CALL_TIMEOUT_MS = 30_000;

/**
 * Registers a runner: waits until the server answers, registers once, writes the runner file.
 * @throws AppError invalid when the address is wrong; forbidden when the server refuses; cancelled when the signal aborts
 */
export async function register(options: RegisterOptions): Promise<RunnerFile> {
  const { instance, file } = options;
  if (!/^https?:\/\/[^/]/.test(instance)) {
    throw new AppError(
      "invalid",
      `the address '${instance}' is not one of an instance: it has to begin with http:// or https://`,
    );
  }
  await using _ = await lockRunnerFile(file);
  using client = createRunnerClient({ ...options, address: instance });
  await waitForServer(client, options);
  const runner = await callRegister(client, options);
  const identity: RunnerFile = {
    id: Number(runner.id),
    uuid: runner.uuid,
    name: runner.name,
    token: runner.token,
    address: instance,
    labels: parseLabels(options.labels).map((label) => label.text),
    ephemeral: options.ephemeral ?? false,
  };
  await saveRunnerFile(file, identity);
  return identity;
}

async function waitForServer(client: RunnerClient, options: RegisterOptions): Promise<void> {
  const { clock, ids, logger, name, instance, signal } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      await client.ping.ping({ data: name }, { timeoutMs: CALL_TIMEOUT_MS, signal });
      return;
    } catch (error) {
      if (signal.aborted) throw cancelled(instance, error);
      logger.warn({ instance, error: errorText(error) }, "the server does not answer; trying again");
    }
    await clock.sleep(backOffMs(failures, PING_BACK_OFF, ids), { signal }).catch((error: unknown) => {
      throw cancelled(instance, error);
    });
  }
}

function cancelled(instance: string, cause: unknown): AppError {
  return new AppError("cancelled", `the registration at ${instance} was given up before the server answered`, cause);
}

/** Once only: a second call would make a second runner. */
async function callRegister(client: RunnerClient, options: RegisterOptions) {
  const { name, description, token, version, labels, instance, signal } = options;
  try {
    const { runner } = await client.runner.register(
      {
        name,
        token,
        version,
        labels: parseLabels(labels).map((label) => label.name),
        ephemeral: options.ephemeral ?? false,
        capabilities: [CANCELLING_CAPABILITY],
      },
      {
        timeoutMs: CALL_TIMEOUT_MS,
        signal,
        ...(description === undefined ? {} : { headers: { [DESCRIPTION_HEADER]: encodeURIComponent(description) } }),
      },
    );
    if (runner === undefined) throw new AppError("unavailable", `the server at ${instance} answered without a runner`);
    if (runner.ephemeral !== (options.ephemeral ?? false)) {
      options.logger.warn(
        { instance },
        "the server does not know ephemeral runners; this one will stop after its first task",
      );
    }
    return runner;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = error instanceof ConnectError ? error.rawMessage : errorText(error);
    throw new AppError("forbidden", `the server at ${instance} refused the registration: ${reason}`, error);
  }
}
