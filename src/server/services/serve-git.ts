import type { Git } from "../../drivers/git/git.ts";
import type { UploadPack } from "../../drivers/git/upload-pack.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import type { Store } from "../storage/store.ts";
import type { Mirrors } from "./mirrors.ts";
import type { TaskIdentity } from "./task-identity.ts";

/** Serves the mirrors to git clients, read-only. */
export class ServeGit {
  readonly #store: Store;
  readonly #git: Git;
  readonly #mirrors: Mirrors;
  readonly #tasks: TaskIdentity;

  constructor(deps: {
    readonly store: Store;
    readonly git: Git;
    readonly mirrors: Mirrors;
    readonly tasks: TaskIdentity;
  }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#mirrors = deps.mirrors;
    this.#tasks = deps.tasks;
  }

  /** Whether a token is that of a running task of this repository; false when it is no task token at all. */
  async isTaskTokenFor(token: string, ownerName: string, name: string): Promise<boolean> {
    try {
      const task = await this.#tasks.byToken(token);
      const repository = await this.#store.read.repositories.find(ownerName, name);
      return repository !== undefined && repository.id === task.repositoryId;
    } catch (error) {
      if (toAppError(error).code === "unauthenticated") return false;
      throw error;
    }
  }

  /** The repository. @throws AppError not_found */
  async repository(ownerName: string, name: string): Promise<Repository> {
    const found = await this.#store.read.repositories.find(ownerName, name);
    if (found === undefined) throw new AppError("not_found", `there is no repository ${ownerName}/${name}`);
    return found;
  }

  /** Starts `git upload-pack` on the mirror, which `prepare` made sure is there. */
  uploadPack(
    repository: Repository,
    options: { readonly advertise: boolean; readonly protocol: string | undefined; readonly signal: AbortSignal },
  ): UploadPack {
    return this.#git.uploadPack(this.#mirrors.directory(repository.id), options);
  }

  /** Fetches the origin once when the mirror is empty. @throws AppError as `Mirrors.refresh` */
  async prepare(repository: Repository, signal: AbortSignal): Promise<void> {
    if (!(await this.#mirrors.isFetched(repository.id, { signal })))
      await this.#mirrors.refresh(repository, { signal });
  }
}
