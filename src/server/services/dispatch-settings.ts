import { DEFAULT_DISPATCH_RULES, type DispatchRules } from "../domain/dispatch-rules.ts";
import type { Store } from "../storage/store.ts";

/** How jobs are handed out, in memory: polls and offers ask for it all the time. */
export class DispatchSettings {
  /** Whether a job without `runs-on` fits any runner, or none. */
  readonly emptyRunsOnMatches: boolean;
  readonly #store: Store;
  #rules: ReadonlyMap<number, DispatchRules> = new Map();

  constructor(deps: { readonly store: Store; readonly emptyRunsOnMatches: boolean }) {
    this.#store = deps.store;
    this.emptyRunsOnMatches = deps.emptyRunsOnMatches;
  }

  /** Reads the rules anew; to be called at the start, after a change, and now and then for those of other replicas. */
  async load(): Promise<void> {
    this.#rules = await this.#store.read.repositories.allDispatchRules();
  }

  /** The rules of a repository. */
  of(repositoryId: number): DispatchRules {
    return this.#rules.get(repositoryId) ?? DEFAULT_DISPATCH_RULES;
  }
}
