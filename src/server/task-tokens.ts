import type { JobIdentity, JobTokens } from "../jobservices/job-identity.ts";
import { AppError } from "../lib/errors.ts";
import type { Repository } from "./domain/account.ts";
import { isConclusion, type Run } from "./domain/run.ts";
import { githubContext } from "./services/github-context.ts";
import type { TaskIdentity } from "./services/task-identity.ts";
import type { Store } from "./storage/store.ts";

/** The runtime tokens of running tasks, as the job services see them. */
export class TaskTokens implements JobTokens {
  readonly #store: Store;
  readonly #tasks: TaskIdentity;

  constructor(deps: { readonly store: Store; readonly tasks: TaskIdentity }) {
    this.#store = deps.store;
    this.#tasks = deps.tasks;
  }

  async identify(token: string): Promise<JobIdentity> {
    const task = await this.#tasks.byRuntimeToken(token);
    const { read } = this.#store;
    const [run, repository] = await Promise.all([read.runs.get(task.runId), read.repositories.get(task.repositoryId)]);
    if (run === undefined || repository === undefined) {
      throw new AppError("unauthenticated", "the run or the repository of this token is gone");
    }
    const { id: taskId, jobId, runId, attempt, repositoryId } = task;
    return { taskId, jobId, runId, attempt, repositoryId, ...cacheScope(run, repository) };
  }

  async isRunning(taskId: number): Promise<boolean> {
    const task = await this.#store.read.tasks.get(taskId);
    return task !== undefined && !isConclusion(task.status);
  }
}

/**
 * Whose caches a run may read, and for which ref it saves, as on GitHub: its own ref, the base of its pull request, the
 * default branch. A pull request saves for itself alone, whatever ref it was sent with: its code is not trusted.
 */
export function cacheScope(run: Run, repository: Repository): Pick<JobIdentity, "cacheRef" | "cacheRefs"> {
  const isPull = run.event.startsWith("pull_request") && run.event !== "pull_request_target";
  const own = isPull && !run.ref.startsWith("refs/pull/") ? `refs/pull/${pullNumber(run)}/merge` : run.ref;
  const base = githubContext({ run, repository, publicUrl: "" })["base_ref"];
  const bases = typeof base === "string" && base !== "" ? [`refs/heads/${base.replace(/^refs\/heads\//, "")}`] : [];
  return { cacheRef: own, cacheRefs: [...new Set([own, ...bases, `refs/heads/${repository.defaultBranch}`])] };
}

function pullNumber({ eventPayload, id }: Run): string {
  const number = eventPayload["number"];
  return typeof number === "number" ? String(number) : `run-${id}`;
}
