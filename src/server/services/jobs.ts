import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { isReserved } from "../domain/is-reserved.ts";
import { matches } from "../domain/labels.ts";
import type { Job, Run } from "../domain/run.ts";
import type { Runner } from "../domain/runner.ts";
import type { Task } from "../domain/task.ts";
import type { JobReads, Page, PageRequest, Store } from "../storage/store.ts";

/** A job with what its display needs. */
export interface JobView {
  readonly job: Job;
  readonly run: Run;
  /** The task that runs or ran the job, with its steps. */
  readonly task: Task | undefined;
  /** The runner of the task; undefined before there is one, and when it was deleted. */
  readonly runner: Runner | undefined;
}

/** What a list of jobs is limited to. */
export type JobFilter = Parameters<JobReads["list"]>[0];

/** What the service needs around it. */
export interface JobsDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Whether a job without `runs-on` fits any runner. */
  readonly emptyRunsOnMatches: boolean;
}

/** Most waiting jobs that are looked at for a runner. */
const MOST = 1_000;
const PAGE = 50;

/** Reads jobs. */
export class Jobs {
  readonly #deps: JobsDeps;
  readonly #store: Store;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#store = deps.store;
  }

  /** A job of a repository. @throws AppError not_found, also for a job of another repository */
  async get(repository: Repository, id: number): Promise<JobView> {
    const job = await this.#store.read.jobs.get(id);
    const run = job === undefined ? undefined : await this.#store.read.runs.get(job.runId);
    if (job === undefined || run === undefined || job.repositoryId !== repository.id) {
      throw new AppError("not_found", `${repository.ownerName}/${repository.name} has no job ${id}`);
    }
    return await this.view(job, run);
  }

  /** Jobs of a run in the order of the workflow. */
  async ofRun(run: Run): Promise<readonly JobView[]> {
    return await Promise.all((await this.plainOfRun(run.id)).map((job) => this.view(job, run)));
  }

  /** The same without tasks and runners: one query. */
  plainOfRun(runId: number): Promise<readonly Job[]> {
    return this.#store.read.jobs.listByRun(runId);
  }

  /** Jobs, newest first. */
  async list(filter: JobFilter, page: PageRequest): Promise<Page<JobView>> {
    const { read } = this.#store;
    const { items, total } = await read.jobs.list(filter, page);
    const taskIds = items.flatMap(({ taskId }) => (taskId === null ? [] : [taskId]));
    const [runs, tasks] = await Promise.all([
      read.runs.getMany([...new Set(items.map(({ runId }) => runId))]),
      read.tasks.getMany(taskIds),
    ]);
    const runners = await read.runners.getMany([...new Set(tasks.map(({ runnerId }) => runnerId))]);
    const [runOf, taskOf, runnerOf] = [byId(runs), byId(tasks), byId(runners)];
    const views = items.flatMap((job): readonly JobView[] => {
      const run = runOf.get(job.runId);
      const task = job.taskId === null ? undefined : taskOf.get(job.taskId);
      const runner = task === undefined ? undefined : runnerOf.get(task.runnerId);
      return run === undefined ? [] : [{ job, run, task, runner }];
    });
    return { items: views, total };
  }

  /**
   * The jobs that a new runner could do now, newest first: they wait, and are not kept for a certain runner.
   * @param labels those of the runner; undefined: whichever a job asks for
   */
  async offered(within: Omit<JobFilter, "statuses">, labels: readonly string[] | undefined): Promise<readonly Job[]> {
    const { clock, emptyRunsOnMatches } = this.#deps;
    const has = labels === undefined ? undefined : new Set(labels);
    const fits = (job: Job) =>
      !isReserved(job, clock.now()) && matches(job.runsOn, has ?? job.runsOn, { emptyRunsOnMatches });
    const filter = { ...within, statuses: ["waiting"] as const };
    const found: Job[] = [];
    for (let page = 1; page <= MOST / PAGE; page++) {
      const { items, total } = await this.#store.read.jobs.list(filter, { page, limit: PAGE });
      found.push(...items.filter(fits));
      if (page * PAGE >= total) break;
    }
    return found;
  }

  /** The task of a job in one attempt; the newest where it had several. Undefined before it had one. */
  async taskOf(job: Job, attempt?: number): Promise<Task | undefined> {
    if (attempt === undefined || attempt === job.attempt) {
      return job.taskId === null ? undefined : await this.#store.read.tasks.get(job.taskId);
    }
    const tasks = await this.#store.read.tasks.listByJob(job.id);
    return tasks.filter((task) => task.attempt === attempt).sort((a, b) => b.delivery - a.delivery)[0];
  }

  /** A job with its task and runner. */
  async view(job: Job, run: Run): Promise<JobView> {
    const task = await this.taskOf(job);
    const runner = task === undefined ? undefined : await this.#store.read.runners.get(task.runnerId);
    return { job, run, task, runner };
  }
}

function byId<Row extends { readonly id: number }>(rows: readonly Row[]): ReadonlyMap<number, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}
