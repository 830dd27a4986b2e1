import type { GitCredential } from "../../drivers/git/git-credential.ts";
import type { RepositoryReference } from "./action-reference.ts";

/** What decides for a job where its actions come from. */
export interface ActionAccess {
  /** Prefix of `owner/repo`, as the server named it; empty is GitHub. */
  readonly defaultUrl: string;
  /** Address under which this runner reaches the job's own server, without a slash at its end. */
  readonly serverUrl: string;
  /** Other names of that server; actions named by them are fetched from `serverUrl`. */
  readonly serverAliases: readonly string[];
  /** The job's token; it only ever goes to `serverUrl`. */
  readonly token: string | undefined;
  /** `owner/name` of the job. */
  readonly repository: string;
  /** Take any TLS certificate of `serverUrl`. @default false */
  readonly insecure?: boolean;
}

/** Where the repository of an action is. */
export interface ActionOrigin {
  readonly url: string;
  readonly credential: GitCredential | undefined;
  readonly allowProtocols: readonly string[];
  readonly followRedirects: boolean;
  /** Take any TLS certificate. @default false */
  readonly insecure?: boolean;
  /** Folders of the cache, from outside in. What was read with a job's token is kept for that job's repository alone. */
  readonly cachePath: readonly string[];
}

const GITHUB = "https://github.com";

/**
 * Decides where an action is fetched.
 * @param mirror takes the place of https://github.com; may be a `file://` address. Empty is none
 */
export function actionOrigin(reference: RepositoryReference, access: ActionAccess, mirror: string): ActionOrigin {
  const { owner, repo } = reference;
  const named = trimSlashes(reference.base ?? (access.defaultUrl || GITHUB));
  const isOwn = [access.serverUrl, ...access.serverAliases].some((url) => sameAddress(named, url));
  const mirrored = !isOwn && mirror !== "" && sameAddress(named, GITHUB);
  const base = isOwn ? trimSlashes(access.serverUrl) : mirrored ? trimSlashes(mirror) : named;
  const credential: GitCredential | undefined =
    isOwn && access.token !== undefined
      ? { kind: "basic", username: "x-access-token", password: access.token }
      : undefined;
  const host = encodeURIComponent(base.replace(/^https:\/\//i, ""));
  const owned = credential === undefined ? [] : [".private", encodeURIComponent(access.repository)];
  return {
    url: `${base}/${owner}/${repo}`,
    credential,
    followRedirects: credential === undefined,
    ...(isOwn && access.insecure === true ? { insecure: true } : {}),
    allowProtocols: mirrored ? ["https", "http", "file"] : ["https", "http"],
    cachePath: [host, ...owned, owner, repo],
  };
}

function trimSlashes(url: string): string {
  return url.replace(/\/+$/, "");
}

/** Scheme and host without regard to case, default ports away. */
function sameAddress(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => (URL.canParse(text) ? trimSlashes(new URL(text).href) : undefined));
  return left !== undefined && left === right;
}
