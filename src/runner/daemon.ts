import { dirname, join, resolve } from "node:path";
import type { KillReason } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { CANCELLING_CAPABILITY, TOKEN_ROTATION_CAPABILITY } from "../protocol/headers.ts";
import { RunnerPhase } from "../protocol/messages.ts";
import type { ActionSource } from "./actions/action-source.ts";
import { type ClientOptions, createRunnerClient, type RunnerClient } from "./client.ts";
import type { RunnerConfig } from "./config.ts";
import { declare, type ServerFacts } from "./declare.ts";
import { runnerArch } from "./engine/default-variables.ts";
import type { Outcome } from "./engine/job-event.ts";
import type { JobHooks } from "./engine/job-request.ts";
import type { ExecutorSet } from "./executor-set.ts";
import { Health } from "./health.ts";
import { serveHealth } from "./health-server.ts";
import { parseLabels } from "./labels.ts";
import { MachineHealth, type RunnerMachine } from "./machine-health.ts";
import { type PollEnd, Poller, type PollerOptions } from "./poller.ts";
import type { RunnerFile } from "./runner-file.ts";
import { loadRunnerFile, saveRunnerFile, saveRunnerToken } from "./runner-file.ts";
import { lockRunnerFile } from "./runner-lock.ts";
import { RunnerServices } from "./services/runner-services.ts";
import { StatusReporter } from "./status-reporter.ts";
import { takeTasks } from "./take-tasks.ts";
import { runTask, type TaskRunnerOptions } from "./task-runner.ts";
import { TaskSlots } from "./task-slots.ts";
import { TokenKeeper } from "./token-keeper.ts";
import { workFolder } from "./work-folder.ts";

/** What every way of running tasks needs. */
export interface RunnerParts {
  readonly config: RunnerConfig;
  readonly version: string;
  /** Variables of the `.env` file, below `config.envs`. @default none */
  readonly envFile?: Readonly<Record<string, string>>;
  /** The executors of this machine, made for this runner; disposed by nobody. */
  readonly executors: (identity: RunnerFile) => Promise<ExecutorSet>;
  /** Where actions come from. @default none can be fetched */
  readonly actions?: ActionSource;
  /** Folder for rows of jobs whose server is away; made when it is needed. */
  readonly spoolFolder: string;
  /** How the server is reached. @default createRunnerClient */
  readonly connect?: (options: ClientOptions) => RunnerClient;
  readonly proxyEnv?: NodeJS.ProcessEnv;
  /** What is reported of this machine. */
  readonly machine: RunnerMachine;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** No new work; running jobs may go on for `config.shutdownTimeoutMs`. */
  readonly stop: AbortSignal;
  /** Running jobs end now. @default never */
  readonly kill?: AbortSignal;
}

/** What the daemon needs. */
export interface DaemonOptions extends RunnerParts {
  /** Stop after one task. @default false */
  readonly once?: boolean;
  /** They win over those of the configuration and of the registration. */
  readonly labels?: readonly string[];
}

/** Why a runner ended, and the result of its last task. */
export interface RunnerEnd {
  readonly end: PollEnd;
  readonly lastResult: Outcome | undefined;
}

/**
 * Runs tasks of the instance that the runner file names, until `stop` aborts, the server forgets the runner, or the one
 * task of an ephemeral (or `once`) runner is done.
 * @throws AppError not_found (no runner file), conflict (it is in use), unauthenticated (the server does not know it)
 */
export async function runDaemon(options: DaemonOptions): Promise<RunnerEnd> {
  const { config, logger } = options;
  const path = resolve(config.runnerFile);
  const file = await loadRunnerFile(path);
  if (file === undefined) {
    throw new AppError("not_found", `there is no registration in ${path}: run 'act-runner-ts register' first`);
  }
  await using _ = await lockRunnerFile(path);
  const wanted = [options.labels ?? [], config.labels, file.labels].find((labels) => labels.length > 0) ?? [];
  const labels = parseLabels(wanted).map((label) => label.text);
  const identity = { ...file, labels };
  if (labels.join("\n") !== file.labels.join("\n")) await saveRunnerFile(path, identity);
  if (labels.length === 0) logger.warn({}, "this runner has no labels: it will get no jobs");
  const once = options.once === true || file.ephemeral;
  // awaited here, so that the lock is held until the end
  const saveToken = (token: string) => saveRunnerToken(path, identity.uuid, token);
  return await runTasks(identity, options, { saveToken, ...(once ? { maxTasks: 1 } : {}) });
}

/** Limits of a run. */
export interface TaskLimits {
  /** Keeps a new token for the next start; rejects when it cannot. @default the runner takes none */
  readonly saveToken?: (token: string) => Promise<void>;
  readonly maxTasks?: number;
  /** End when there is no task at once. */
  readonly onlyNow?: boolean;
  /** Take the job with this handle and no other. @default any */
  readonly handle?: string;
}

/** Declares the runner, then polls and runs tasks; see `runDaemon`. */
export async function runTasks(identity: RunnerFile, parts: RunnerParts, limits: TaskLimits): Promise<RunnerEnd> {
  const { config, clock, ids, logger, version, stop, machine, connect = createRunnerClient } = parts;
  const { address, uuid, token } = identity;
  const credentials = { uuid, token };
  using client = connect({
    address,
    identity: credentials,
    version,
    insecure: config.insecure,
    ...(parts.proxyEnv === undefined ? {} : { proxyEnv: parts.proxyEnv }),
  });
  const executors = await parts.executors(identity);
  const labels = parseLabels(identity.labels);
  const { saveToken: save } = limits;
  const capabilities = [CANCELLING_CAPABILITY, ...(save === undefined ? [] : [TOKEN_ROTATION_CAPABILITY])];
  const server = await declare(client, { address, version, labels, capabilities, clock, ids, logger, signal: stop });
  if (server === undefined) return { end: "stopped", lastResult: undefined };
  logger.info({ name: identity.name, address, labels: labels.map((label) => label.name).join(",") }, "runner is ready");
  const health = new Health(clock, config.readinessGraceMs);
  await using _ = config.metricsAddress === undefined ? undefined : await serveHealth(config.metricsAddress, health);
  using ending = new JobsEnd(parts);
  const engines = (["docker", "podman"] as const).filter((engine) => labels.some(({ schema }) => schema === engine));
  const machineHealth = new MachineHealth({ machine, config: config.healthCheck, engines, clock });
  await using services = new RunnerServices({
    ...{ config: config.cache, insecure: config.insecure, instanceHasCaches: server.isOurs, clock, ids, log: logger },
    instance: address.replace(/\/+$/, ""),
    defaultDir: join(workFolder(config), "caches"),
  });
  const tasks = taskRunnerOptions(identity, parts, { client, executors, services, labels, server });
  const slots = new TaskSlots({
    capacity: limits.maxTasks === 1 ? 1 : config.capacity,
    ...limits,
    run: (task, { cancelled }) => runTask(task, tasks, { signal: ending.signal, cancelled }),
    logger,
  });
  const isUnfit = async () => (await machineHealth.look()) !== undefined;
  const onPoll = (answered: boolean) => health.polled(answered);
  const poller = makePoller({ client, slots, isUnfit, onPoll }, parts, server, limits);
  const onToken = (text: string) => void keeper?.take(text);
  const reporter = new StatusReporter({ client, slots, machine, health: machineHealth, onToken, clock, logger });
  const onStored = () => reporter.soon();
  const keeper = save === undefined ? undefined : new TokenKeeper({ save, credentials, onStored, logger });
  await using _reports = await startReports(reporter, server, stop);
  const onStreams = server.isOurs && limits.onlyNow !== true && limits.handle === undefined;
  const end = onStreams
    ? await takeTasks(
        {
          ...{ client, slots, poller, clock, ids, logger },
          ...{ onToken, token: () => credentials.token },
          onContact: () => health.polled(true),
          onBreak: () => health.polled(false),
        },
        { signal: stop },
      )
    : await poller.run({ signal: stop });
  if (end === "unregistered") {
    health.unregistered();
    logger.error({ address }, "the server no longer knows this runner; running jobs are finished, then it stops");
  }
  await slots.drain();
  return { end, lastResult: slots.lastResult };
}

function makePoller(
  given: Pick<PollerOptions, "client" | "slots" | "isUnfit" | "onPoll">,
  { config, clock, ids, logger }: RunnerParts,
  server: ServerFacts,
  limits: TaskLimits,
): Poller {
  const { fetchTimeoutMs, fetchIntervalMs: intervalMs, fetchIntervalMaxMs: intervalMaxMs } = config;
  return new Poller({
    ...{ ...given, fetchTimeoutMs, intervalMs, intervalMaxMs, parks: server.isOurs, clock, ids, logger },
    ...(limits.onlyNow === undefined ? {} : { onlyNow: limits.onlyNow }),
    ...(limits.handle === undefined ? {} : { handle: limits.handle }),
  });
}

/** Reports once, so that the server knows the machine's health before it gives work, and from then on every 20 s. */
async function startReports(
  reporter: StatusReporter,
  server: ServerFacts,
  stopping: AbortSignal,
): Promise<AsyncDisposable> {
  const over = new AbortController();
  if (server.isOurs) await reporter.report(RunnerPhase.STARTING, { signal: stopping });
  const loop = server.isOurs ? reporter.run({ stopping, signal: over.signal }) : Promise.resolve();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await loop;
    },
  };
}

function taskRunnerOptions(
  identity: RunnerFile,
  parts: RunnerParts,
  rest: Pick<TaskRunnerOptions, "client" | "executors" | "services" | "labels"> & { server: ServerFacts },
): TaskRunnerOptions {
  const { config, version, clock, ids, logger, spoolFolder } = parts;
  const { server, ...others } = rest;
  return {
    ...others,
    plan: {
      address: identity.address,
      runner: { name: identity.name, version, debug: false, arch: runnerArch(process.arch) },
      envs: { ...parts.envFile, ...config.envs },
      setActEnv: config.setActEnv,
      allocatePty: config.allocatePty,
      serverCapabilities: server.capabilities,
      conditionDecided: server.isOurs,
      timeoutMs: config.jobTimeoutMs,
      actions: { builtin: config.builtinActions, insecure: config.insecure, patch: config.patchActions },
      hooks: hooksOf(config, parts.envFile ?? {}),
    },
    timing: {
      logLatencyMs: config.logLatencyMs,
      logBatchRows: config.logBatchRows,
      heartbeatMs: config.heartbeatMs,
      callTimeoutMs: config.callTimeoutMs,
      giveUpMs: config.reportGiveUpMs,
      retry: { baseMs: 200, maxMs: 5_000 },
    },
    actions: parts.actions,
    insecure: config.insecure,
    cancelGraceMs: config.cancelGraceMs,
    spoolFolder,
    clock,
    ids,
    logger,
  };
}

/** From the configuration, else from the variables that GitHub's runner knows. */
function hooksOf(config: RunnerConfig, envFile: Readonly<Record<string, string>>): JobHooks {
  const envs = { ...envFile, ...config.envs };
  const started = config.hookStarted || envs["ACTIONS_RUNNER_HOOK_JOB_STARTED"];
  const completed = config.hookCompleted || envs["ACTIONS_RUNNER_HOOK_JOB_COMPLETED"];
  return { ...(started ? { started } : {}), ...(completed ? { completed } : {}) };
}

/** Aborts the running jobs: at `kill`, or when the time after `stop` is over. */
class JobsEnd implements Disposable {
  readonly #controller = new AbortController();
  readonly #stack = new DisposableStack();

  constructor({ stop, kill, clock, config }: RunnerParts) {
    const end = () => this.#controller.abort("shutdown" satisfies KillReason);
    const onStop = () => {
      if (config.shutdownTimeoutMs === 0) end();
      else this.#stack.use(clock.timer(config.shutdownTimeoutMs, end));
    };
    for (const [signal, listener] of [
      [stop, onStop],
      [kill, end],
    ] as const) {
      if (signal?.aborted) listener();
      signal?.addEventListener("abort", listener, { once: true });
      this.#stack.defer(() => signal?.removeEventListener("abort", listener));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Where rows of jobs are kept while the server is away: beside the runner file. */
export function defaultSpoolFolder(runnerFile: string): string {
  return resolve(dirname(runnerFile), ".runner-spool");
}
