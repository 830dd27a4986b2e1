import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";

/** What a checkout is asked to do; actions/checkout's inputs, read and completed. */
export interface CheckoutRequest {
  readonly repository: string;
  /** Base of the clone URL, without a trailing slash. */
  readonly serverUrl: string;
  /** As given: a sha, a full ref, a short name; undefined is the default branch. */
  readonly ref: string | undefined;
  /** The commit, when it is known without asking. */
  readonly sha: string | undefined;
  /** Relative to the workspace; empty is the workspace. */
  readonly path: string;
  readonly token: string | undefined;
  readonly fetchDepth: number;
  readonly fetchTags: boolean;
  readonly clean: boolean;
  readonly persistCredentials: boolean;
  readonly submodules: boolean | "recursive";
  readonly lfs: boolean;
  readonly sparse: readonly string[];
  readonly sparseConeMode: boolean;
  readonly filter: string | undefined;
}

const SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/**
 * Reads the inputs; the names and defaults are those of actions/checkout v4. Without a repository and a ref it is the
 * exact commit that the run is about.
 * @throws AppError invalid
 */
export function readCheckoutInputs(
  inputs: ReadonlyMap<string, string>,
  github: Readonly<Record<string, JsonValue>>,
  token: string | undefined,
): CheckoutRequest {
  const byName = new Map([...inputs].map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const get = (name: string, fallback: string) => byName.get(name) || fallback;
  const flag = (name: string, fallback: boolean) => readFlag(name, get(name, String(fallback)));
  if (get("ssh-key", "") !== "") {
    throw new AppError("invalid", "the input 'ssh-key' of the checkout is not supported: use 'token'");
  }
  const own = String(github["repository"] ?? "");
  const repository = get("repository", own);
  if (!/^[^/\s]+\/[^/\s]+$/.test(repository) || /(^|\/)\.\.?($|\/)/.test(repository)) {
    throw new AppError("invalid", `the input 'repository' of the checkout has to be owner/name, not '${repository}'`);
  }
  const isOwn = repository.toLowerCase() === own.toLowerCase();
  const ref = get("ref", isOwn ? String(github["ref"] ?? "") : "");
  const ownServer = String(github["server_url"] ?? "").replace(/\/+$/, "");
  const serverUrl = get("github-server-url", ownServer).replace(/\/+$/, "");
  const given = byName.get("token");
  return {
    repository,
    serverUrl,
    ref: ref === "" || SHA.test(ref) ? undefined : ref,
    sha: SHA.test(ref) ? ref.toLowerCase() : isOwn && !byName.get("ref") ? ownSha(github) : undefined,
    path: get("path", ""),
    // the job's token is for this instance alone
    token: given || (serverUrl === ownServer ? token : undefined),
    fetchDepth: readDepth(get("fetch-depth", "1")),
    fetchTags: flag("fetch-tags", false),
    clean: flag("clean", true),
    persistCredentials: flag("persist-credentials", true),
    submodules: get("submodules", "false").toLowerCase() === "recursive" ? "recursive" : flag("submodules", false),
    lfs: flag("lfs", false),
    sparse: get("sparse-checkout", "")
      .split(/\r?\n/)
      .flatMap((line) => (line.trim() === "" ? [] : [line.trim()])),
    sparseConeMode: flag("sparse-checkout-cone-mode", true),
    filter: get("filter", "") || undefined,
  };
}

function ownSha(github: Readonly<Record<string, JsonValue>>): string | undefined {
  const sha = String(github["sha"] ?? "").toLowerCase();
  return SHA.test(sha) ? sha : undefined;
}

function readFlag(name: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return lower === "true";
  throw new AppError("invalid", `the input '${name}' of the checkout has to be true or false, not '${text}'`);
}

function readDepth(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text);
  throw new AppError("invalid", `the input 'fetch-depth' of the checkout has to be a number of commits, not '${text}'`);
}
