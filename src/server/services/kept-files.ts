import { AppError } from "../../lib/errors.ts";
import type { PageRequest, Store } from "../storage/store.ts";

/** What jobs have left behind, for people: artifacts, caches, step summaries. Their bytes are the job services' matter. */
export class KeptFiles {
  readonly #store: Store;

  constructor({ store }: { readonly store: Store }) {
    this.#store = store;
  }

  /** Artifacts of a repository or a run, newest first, the expired ones included. */
  artifacts(
    filter: { readonly repositoryId: number; readonly runId?: number; readonly name?: string },
    page: PageRequest,
  ) {
    return this.#store.read.artifacts.list(filter, page);
  }

  /** An artifact of a repository. @throws AppError not_found */
  async artifact(repositoryId: number, id: number) {
    const found = await this.#store.read.artifacts.get(id);
    if (
      found === undefined ||
      found.repositoryId !== repositoryId ||
      found.status === "pending" ||
      found.protocol !== 4
    ) {
      throw new AppError("not_found", `the repository has no artifact ${id}`);
    }
    return found;
  }

  /** Caches of a repository, newest first. */
  caches(filter: { readonly repositoryId: number; readonly key?: string; readonly ref?: string }, page: PageRequest) {
    return this.#store.read.caches.list(filter, page);
  }

  /** A cache of a repository. @throws AppError not_found */
  async cache(repositoryId: number, id: number) {
    const found = await this.#store.read.caches.get(id);
    if (found === undefined || found.repositoryId !== repositoryId || found.status !== "ready") {
      throw new AppError("not_found", `the repository has no cache ${id}`);
    }
    return found;
  }

  /** What the steps of a task wrote to GITHUB_STEP_SUMMARY, in the order of the steps. */
  summaries(taskId: number) {
    return this.#store.read.summaries.ofTask(taskId);
  }
}
