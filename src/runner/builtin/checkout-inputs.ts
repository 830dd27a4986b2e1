import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import { BuiltinInputs } from "./builtin-inputs.ts";

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
  values: ReadonlyMap<string, string>,
  github: Readonly<Record<string, JsonValue>>,
  token: string | undefined,
): CheckoutRequest {
  const inputs = new BuiltinInputs("the checkout", values);
  if (inputs.text("ssh-key") !== "") {
    throw new AppError("invalid", "the input 'ssh-key' of the checkout is not supported: use 'token'");
  }
  const own = String(github["repository"] ?? "");
  const repository = inputs.text("repository", own);
  if (!/^[^/\s]+\/[^/\s]+$/.test(repository) || /(^|\/)\.\.?($|\/)/.test(repository)) {
    throw new AppError("invalid", `the input 'repository' of the checkout has to be owner/name, not '${repository}'`);
  }
  const isOwn = repository.toLowerCase() === own.toLowerCase();
  const ref = inputs.text("ref", isOwn ? String(github["ref"] ?? "") : "");
  const ownServer = String(github["server_url"] ?? "").replace(/\/+$/, "");
  const serverUrl = inputs.text("github-server-url", ownServer).replace(/\/+$/, "");
  const submodules = inputs.text("submodules", "false").toLowerCase();
  return {
    repository,
    serverUrl,
    ref: ref === "" || SHA.test(ref) ? undefined : ref,
    sha: SHA.test(ref) ? ref.toLowerCase() : isOwn && inputs.text("ref") === "" ? ownSha(github) : undefined,
    path: inputs.text("path"),
    // the job's token is for this instance alone
    token: inputs.text("token") || (serverUrl === ownServer ? token : undefined),
    fetchDepth: inputs.number("fetch-depth", 1),
    fetchTags: inputs.flag("fetch-tags", false),
    clean: inputs.flag("clean", true),
    persistCredentials: inputs.flag("persist-credentials", true),
    submodules: submodules === "recursive" ? "recursive" : inputs.flag("submodules", false),
    lfs: inputs.flag("lfs", false),
    sparse: inputs.lines("sparse-checkout"),
    sparseConeMode: inputs.flag("sparse-checkout-cone-mode", true),
    filter: inputs.text("filter") || undefined,
  };
}

function ownSha(github: Readonly<Record<string, JsonValue>>): string | undefined {
  const sha = String(github["sha"] ?? "").toLowerCase();
  return SHA.test(sha) ? sha : undefined;
}
