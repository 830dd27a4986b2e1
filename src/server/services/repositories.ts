import type { GitCredential } from "../../drivers/git/git-credential.ts";
import { isRefName } from "../../drivers/git/ref-name.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Account, Repository } from "../domain/account.ts";
import type { Cause, Job } from "../domain/run.ts";
import type { Page, PageRequest, Store } from "../storage/store.ts";
import { checkName } from "./account-name.ts";
import { type Actor, audit } from "./audit.ts";
import type { CloneCredentials } from "./clone-credentials.ts";
import { parseCloneUrl } from "./clone-url.ts";
import type { Mirrors } from "./mirrors.ts";

/** A repository to be made. */
export interface NewRepository {
  readonly name: string;
  readonly cloneUrl: string;
  /** @default the origin's own, which is asked for at once */
  readonly defaultBranch?: string;
  readonly credential?: GitCredential;
}

/** What the service needs around it. */
export interface RepositoriesDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly mirrors: Mirrors;
  readonly credentials: CloneCredentials;
  /** Cancels jobs that run. */
  readonly cancelJobs: (jobs: readonly Job[], cause: Cause) => Promise<void>;
  /** The rows of these runners are gone. */
  readonly runnersDeleted: (runnerIds: readonly number[]) => Promise<void>;
}

/** Repositories whose workflows run here. */
export class Repositories {
  readonly #deps: RepositoriesDeps;

  constructor(deps: RepositoriesDeps) {
    this.#deps = deps;
  }

  /** A repository by its names, whatever the case, or undefined. */
  find(ownerName: string, name: string): Promise<Repository | undefined> {
    return this.#deps.store.read.repositories.find(ownerName, name);
  }

  /** A repository by its id, or undefined. */
  byId(id: number): Promise<Repository | undefined> {
    return this.#deps.store.read.repositories.get(id);
  }

  /** Those of these repositories that exist. */
  byIds(ids: readonly number[]): Promise<readonly Repository[]> {
    return this.#deps.store.read.repositories.getMany(ids);
  }

  /** Repositories: all, those of some owners, or one. */
  list(filter: { ownerIds?: readonly number[]; repositoryId?: number }, page: PageRequest): Promise<Page<Repository>> {
    return this.#deps.store.read.repositories.list(filter, page);
  }

  /**
   * Makes a repository. Without a default branch the origin is fetched at once, so that a wrong address is refused here.
   * @param admin whether the caller may use local paths
   * @throws AppError invalid or forbidden for the clone URL; conflict when the owner has one of that name
   */
  async create(owner: Account, wanted: NewRepository, admin: boolean, actor: Actor): Promise<Repository> {
    const { store, clock, mirrors, credentials } = this.#deps;
    checkName("repository", wanted.name);
    checkBranch(wanted.defaultBranch);
    await mirrors.checkOrigin(wanted.cloneUrl, admin);
    if (wanted.credential !== undefined) checkCredential(wanted.cloneUrl, wanted.credential);
    const place = { ownerId: owner.id, name: wanted.name };
    const sealed = wanted.credential === undefined ? null : credentials.seal(wanted.credential, place);
    const repository = await store.write(async (tx) => {
      const now = clock.now();
      const defaultBranch = wanted.defaultBranch ?? "main";
      const row = { ...place, cloneUrl: wanted.cloneUrl, defaultBranch, createdAt: now };
      const inserted = await tx.repositories.insert(row, sealed);
      const detail = { name: `${owner.name}/${wanted.name}`, clone_url: wanted.cloneUrl };
      await audit(tx, now, actor, { action: "repository.create", target: `repository:${inserted.id}`, detail });
      return inserted;
    });
    return wanted.defaultBranch === undefined ? await this.#adoptDefaultBranch(repository, actor) : repository;
  }

  async #adoptDefaultBranch(repository: Repository, actor: Actor): Promise<Repository> {
    try {
      const defaultBranch = await this.#deps.mirrors.refresh(repository, {});
      if (defaultBranch === undefined || defaultBranch === repository.defaultBranch) return repository;
      await this.#deps.store.write((tx) => tx.repositories.update(repository.id, { defaultBranch }));
      return { ...repository, defaultBranch };
    } catch (error) {
      await this.delete(repository, actor);
      throw error;
    }
  }

  /** Changes where a repository comes from, or its default branch. */
  async update(
    repository: Repository,
    patch: { readonly cloneUrl?: string; readonly defaultBranch?: string; readonly credential?: GitCredential | null },
    admin: boolean,
    actor: Actor,
  ): Promise<Repository> {
    const { store, clock, mirrors, credentials } = this.#deps;
    const { cloneUrl, defaultBranch, credential } = patch;
    checkBranch(defaultBranch);
    if (cloneUrl !== undefined) await mirrors.checkOrigin(cloneUrl, admin);
    if (credential) checkCredential(cloneUrl ?? repository.cloneUrl, credential);
    // A credential belongs to the host it was given for: it does not follow the repository to another address.
    const dropped =
      cloneUrl !== undefined && cloneUrl !== repository.cloneUrl && credential === undefined ? null : credential;
    await store.write(async (tx) => {
      await tx.repositories.update(repository.id, {
        ...(cloneUrl === undefined ? {} : { cloneUrl }),
        ...(defaultBranch === undefined ? {} : { defaultBranch }),
        ...(dropped === undefined
          ? {}
          : { sealedCredential: dropped === null ? null : credentials.seal(dropped, repository) }),
      });
      const detail = { fields: Object.keys(patch) };
      await audit(tx, clock.now(), actor, {
        action: "repository.update",
        target: `repository:${repository.id}`,
        detail,
      });
    });
    return { ...repository, ...(cloneUrl && { cloneUrl }), ...(defaultBranch && { defaultBranch }) };
  }

  /** Deletes a repository with everything that belongs to it; what runs is cancelled first, the mirror goes last. */
  async delete(repository: Repository, actor: Actor): Promise<void> {
    const { store, clock, mirrors, cancelJobs, runnersDeleted } = this.#deps;
    const filter = { repositoryId: repository.id, statuses: ["running", "cancelling"] as const };
    for (let page = await store.read.jobs.list(filter, FIRST); page.items.length > 0; ) {
      await cancelJobs(page.items, "cancelled");
      const next = await store.read.jobs.list(filter, FIRST);
      // Those that wind down stay in the list; deleting their rows ends them for good.
      if (next.total >= page.total) break;
      page = next;
    }
    const { runnerIds } = await store.write(async (tx) => {
      const deleted = await tx.repositories.delete(repository.id);
      const detail = { name: `${repository.ownerName}/${repository.name}` };
      await audit(tx, clock.now(), actor, {
        action: "repository.delete",
        target: `repository:${repository.id}`,
        detail,
      });
      return deleted;
    });
    await runnersDeleted(runnerIds);
    await mirrors.remove(repository.id);
  }
}

const FIRST: PageRequest = { page: 1, limit: 50 };

/** @throws AppError invalid when the credential does not fit the address */
function checkCredential(cloneUrl: string, credential: GitCredential): void {
  const { kind } = parseCloneUrl(cloneUrl, { allowHttp: true });
  if (kind === "local") throw new AppError("invalid", "a local path needs no credential; leave it out");
  if ((kind === "ssh") !== (credential.kind === "ssh")) {
    const right = kind === "ssh" ? "private_key and known_hosts" : "username and password";
    throw new AppError("invalid", `the credential does not fit the clone URL; an ${kind} address needs ${right}`);
  }
  if (credential.kind === "ssh" && credential.knownHosts.trim() === "") {
    throw new AppError(
      "invalid",
      "the ssh credential has no known_hosts; give the host's public keys (ssh-keyscan prints them)",
    );
  }
}

/** @throws AppError invalid */
function checkBranch(name: string | undefined): void {
  if (name === undefined || isRefName(name)) return;
  throw new AppError("invalid", `"${name.slice(0, 80)}" is not the name of a branch; give one such as main`);
}
