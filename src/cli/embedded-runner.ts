import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import type { Logger } from "../lib/logger.ts";
import { compileConfig } from "../runner/config.ts";
import { type RunnerEnd, runDaemon } from "../runner/daemon.ts";
import { register } from "../runner/register.ts";
import { loadRunnerFile, saveRunnerFile } from "../runner/runner-file.ts";
import type { CliContext } from "./cli-context.ts";
import { packageVersion } from "./package-version.ts";
import { defaultRunnerName, labelsOfThisMachine } from "./registration-settings.ts";
import { RestClient } from "./rest-client.ts";
import type { RestRunner } from "./rest-types.ts";
import { makeRunnerParts } from "./runner-parts.ts";
import type { StopSignals } from "./stop-signals.ts";

/** How long running jobs may go on after the first signal, unless `ACT_RUNNER_SHUTDOWN_TIMEOUT` says otherwise. */
const SHUTDOWN_TIMEOUT = "30s";

/** The runner that `up` starts beside its server. */
export interface EmbeddedRunnerOptions {
  /** Address of the server. */
  readonly server: string;
  /** Admin API token. */
  readonly token: string;
  readonly dataDir: string;
  /** @default those of this machine */
  readonly labels: readonly string[] | undefined;
  readonly capacity: number | undefined;
  readonly logger: Logger;
  readonly signals: Pick<StopSignals, "stop" | "kill">;
}

/**
 * Registers this machine where that is needed, with `<data>/.runner` as its identity.
 * @returns its labels, and the function that takes jobs until `stop` aborts
 */
export async function prepareEmbeddedRunner(
  options: EmbeddedRunnerOptions,
  context: CliContext,
): Promise<{ readonly labels: readonly string[]; readonly start: () => Promise<RunnerEnd> }> {
  const { server, dataDir, logger, signals } = options;
  const file = join(dataDir, ".runner");
  const labels = options.labels ?? labelsOfThisMachine();
  await ensureRegistered(file, labels, options, context);
  const { config } = compileConfig({
    flags: {
      "runner.file": file,
      ...(options.capacity === undefined ? {} : { "runner.capacity": String(options.capacity) }),
      ...(context.env["ACT_RUNNER_CAPACITY"] || options.capacity !== undefined
        ? {}
        : { "runner.capacity": String(availableParallelism()) }),
      ...(context.env["ACT_RUNNER_SHUTDOWN_TIMEOUT"] ? {} : { "runner.shutdown_timeout": SHUTDOWN_TIMEOUT }),
    },
    env: context.env,
  });
  // The data directory often lies in a work tree: git in a job that checked nothing out must not find that one.
  const ceilings = [dataDir, context.env["GIT_CEILING_DIRECTORIES"]].filter((path) => path).join(delimiter);
  const jobs = { ...context, env: { ...context.env, GIT_CEILING_DIRECTORIES: ceilings } };
  const parts = await makeRunnerParts({ ...config, labels: [] }, logger, signals, jobs);
  logger.debug({ server, file }, "the runner of this machine is registered");
  return { labels, start: () => runDaemon({ ...parts, labels }) };
}

/** Keeps the identity in the file where the server knows it, else registers anew. The address may change between starts (port 0). */
async function ensureRegistered(
  file: string,
  labels: readonly string[],
  options: EmbeddedRunnerOptions,
  context: CliContext,
): Promise<void> {
  const client = new RestClient({ server: options.server, token: options.token, source: "cli.json" });
  const known = await loadRunnerFile(file);
  if (known !== undefined) {
    const runners = await client.list<RestRunner>("/admin/actions/runners", "runners");
    if (runners.some(({ uuid }) => uuid === known.uuid)) {
      if (known.address !== options.server) await saveRunnerFile(file, { ...known, address: options.server });
      return;
    }
  }
  const { token } = await client.request<{ token: string }>("POST", "/admin/actions/runners/registration-token");
  await register({
    instance: options.server,
    token,
    name: defaultRunnerName(),
    labels,
    file,
    version: await packageVersion(),
    clock: context.clock,
    ids: context.ids,
    logger: options.logger,
    signal: options.signals.stop,
  });
}
