import { chown, mkdir, realpath } from "node:fs/promises";
import { type KillGrace, killAll } from "../../drivers/process/kill-tree.ts";
import { listProcesses, withMarker } from "../../drivers/process/process-table.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Executor, JobEnvironment, JobPaths, JobSpec } from "../executor.ts";
import { HostJob } from "./host-job.ts";
import { JobFiles } from "./job-files.ts";
import { JobFolders, type User } from "./job-folders.ts";
import { type PassVariable, passedByDefault, passedVariables } from "./passed-variables.ts";
import { orphanMarker } from "./tracking-id.ts";

/** Settings of the host executor. */
export interface HostExecutorOptions {
  /** Folder for the jobs' folders; made when missing. */
  readonly workRoot: string;
  /** RUNNER_TOOL_CACHE, kept between jobs; made when missing. */
  readonly toolCache: string;
  /** The runner's uuid: what it finds with this mark after a crash is its own. Two runners that run at once have two. */
  readonly owner: string;
  /** Variables of the runner's process. @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Which of them jobs see. @default all but ACT_RUNNER_*, GITEA_RUNNER_* and *_TOKEN */
  readonly passes?: PassVariable | undefined;
  /** Run steps as this user, with a HOME of their own per job; the runner then has to be root. @default the runner's user */
  readonly runAs?: User | undefined;
  /** @default 7.5 s and 2.5 s */
  readonly grace?: KillGrace | undefined;
  /** How long a step waits for output that a background process holds open. @default 5 s */
  readonly drainMs?: number | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** Told what could not be cleaned up (processes, files); for the runner's log. */
  warn(problem: AppError): void;
}

/** Runs jobs as processes of this machine, each in fresh folders. A job can do what its user can: there is no isolation. */
export class HostExecutor implements Executor {
  readonly name = "host";
  readonly capabilities = { services: false, images: false, platform: process.platform };
  readonly #options: HostExecutorOptions;
  readonly #live = new Set<string>();

  private constructor(options: HostExecutorOptions) {
    this.#options = options;
  }

  /**
   * Makes the folders, and cleans what an earlier run of the same runner left.
   * @throws AppError unavailable when the folders cannot be made
   */
  static async open(options: HostExecutorOptions): Promise<HostExecutor> {
    const workRoot = await makeFolder(options.workRoot);
    const toolCache = await makeFolder(options.toolCache, options.runAs);
    const executor = new HostExecutor({ ...options, workRoot, toolCache });
    await executor.cleanOrphans();
    return executor;
  }

  async prepare(job: JobSpec, { signal }: { signal: AbortSignal }): Promise<JobEnvironment> {
    const { owner, runAs, grace, drainMs, clock = systemClock, warn, toolCache } = this.#options;
    checkNotCancelled(job, signal);
    const folders = this.#folders();
    const paths = await this.#createFolders(folders, job);
    const environment = new HostJob({
      id: job.id,
      owner,
      paths,
      files: new JobFiles([folders.jobRoot(job.id), toolCache], runAs),
      baseEnv: this.#baseEnv(paths.home),
      user: runAs,
      grace,
      drainMs,
      clock,
      warn,
      remove: () => folders.remove(job.id).finally(() => this.#live.delete(job.id)),
    });
    if (signal.aborted) await environment[Symbol.asyncDispose]();
    checkNotCancelled(job, signal);
    return environment;
  }

  /** Ends processes and removes folders of jobs that this runner did not bring to an end, since it crashed or was killed. */
  async cleanOrphans(): Promise<void> {
    const { owner, clock = systemClock, warn } = this.#options;
    const folders = this.#folders();
    const marker = orphanMarker(owner, (job) => this.#live.has(job));
    await killAll(async () => withMarker(await listProcesses(), marker), clock);
    for (const job of await folders.claimed()) {
      if (this.#live.has(job)) continue;
      await folders.remove(job).catch((error: unknown) => {
        warn(
          new AppError(
            "unavailable",
            `${folders.jobRoot(job)} is left of an earlier job and could not be removed`,
            error,
          ),
        );
      });
    }
  }

  /** A job is live before its folders are there, so that nobody takes them for orphans. */
  async #createFolders(folders: JobFolders, job: JobSpec): Promise<JobPaths> {
    if (this.#live.has(job.id))
      throw new AppError("conflict", `job ${job.id} is running already; a job id may be used once`);
    this.#live.add(job.id);
    try {
      return await folders.create(job);
    } catch (error) {
      this.#live.delete(job.id);
      throw error;
    }
  }

  #folders(): JobFolders {
    const { workRoot, owner, toolCache, runAs } = this.#options;
    return new JobFolders({ root: workRoot, owner, toolCache, user: runAs });
  }

  #baseEnv(home: string | undefined): Record<string, string> {
    const { environment = process.env, passes = passedByDefault } = this.#options;
    return { ...passedVariables(environment, passes), ...(home === undefined ? {} : { HOME: home }) };
  }
}

async function makeFolder(path: string, owner?: User): Promise<string> {
  try {
    const made = await mkdir(path, { recursive: true });
    if (made !== undefined && owner !== undefined) await chown(path, owner.uid, owner.gid);
    return await realpath(path);
  } catch (error) {
    throw new AppError(
      "unavailable",
      `the folder ${path} cannot be made; check the disk and who owns the folders above it`,
      error,
    );
  }
}

function checkNotCancelled(job: JobSpec, signal: AbortSignal): void {
  if (signal.aborted) throw new AppError("cancelled", `job ${job.id} was cancelled while its folders were made`);
}
