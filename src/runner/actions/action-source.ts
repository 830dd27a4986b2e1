import type { Git } from "../../drivers/git/git.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import { ActionCache } from "./action-cache.ts";
import { type ActionAccess, actionOrigin } from "./action-origin.ts";
import type { RepositoryReference } from "./action-reference.ts";

/** An action's repository at one commit, on this machine. */
export interface FetchedRepository {
  readonly url: string;
  readonly sha: string;
  /** Holds all files of the commit; nobody may change them. */
  readonly folder: string;
  /** The ref's commit is what was seen last: its host was not asked, or is away. */
  readonly remembered: boolean;
}

/** Brings the repositories of actions to this machine; one for all jobs of a runner. */
export interface ActionSource {
  /** @throws AppError not_found, forbidden, unavailable, cancelled */
  fetch(
    reference: RepositoryReference,
    access: ActionAccess,
    options: { signal: AbortSignal },
  ): Promise<FetchedRepository>;
}

/** What actions are fetched with. */
export interface ActionSourceOptions {
  /** Folder of the cache; actions lie in `actions` below it. */
  readonly cacheDir: string;
  readonly git: Git;
  readonly ids: Ids;
  /** @default the machine's */
  readonly clock?: Clock;
  /** Takes the place of https://github.com. @default none */
  readonly githubMirror?: string;
  /** Do not ask about refs that were seen before. @default false */
  readonly offline?: boolean;
}

/** Actions from git hosts, cached by commit. */
export function gitActionSource(options: ActionSourceOptions): ActionSource {
  const { cacheDir, git, ids, clock = systemClock, githubMirror = "", offline = false } = options;
  const cache = new ActionCache({ root: `${cacheDir}/actions`, git, ids, clock, offline });
  return {
    async fetch(reference, access, { signal }) {
      const origin = actionOrigin(reference, access, githubMirror);
      const { sha, remembered } = await cache.resolve(origin, reference.ref, { signal });
      const folder = await cache.folder(origin, sha, { signal });
      if (!offline) await cache.sweep();
      return { url: origin.url, sha, folder, remembered };
    },
  };
}
