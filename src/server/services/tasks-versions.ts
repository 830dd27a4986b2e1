import { type Scope, scopeKey } from "../domain/scope.ts";
import type { Store } from "../storage/store.ts";

/**
 * Gitea's tasks_version per scope, in memory: read once from the database, then grown with the waiting jobs. This
 * server looks in its memory at every poll, so the number only has to fulfil the contract: at least 1, and grown when
 * there may be something new.
 */
export class TasksVersions {
  readonly #store: Store;
  readonly #versions = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The version of a scope where it is in memory. */
  known(scope: Scope): number | undefined {
    return this.#versions.get(scopeKey(scope));
  }

  /** The version of a scope, at least 1. */
  async current(scope: Scope): Promise<number> {
    const key = scopeKey(scope);
    const stored = this.#versions.get(key) ?? (await this.#store.read.tasksVersions.get(scope));
    const version = Math.max(1, stored, this.#versions.get(key) ?? 0);
    this.#versions.set(key, version);
    return version;
  }

  /** The set of waiting jobs of a repository grew. */
  grow(repository: { readonly ownerId: number; readonly repositoryId: number }): void {
    const { ownerId, repositoryId } = repository;
    const scopes: readonly Scope[] = [
      { kind: "global" },
      { kind: "owner", ownerId },
      { kind: "repository", ownerId, repositoryId },
    ];
    for (const scope of scopes) {
      const version = this.known(scope);
      if (version !== undefined) this.#versions.set(scopeKey(scope), version + 1);
    }
  }
}
