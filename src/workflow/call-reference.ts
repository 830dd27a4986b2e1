import { AppError } from "../lib/errors.ts";

/** What `uses` of a job names. */
export type CallReference =
  /** A file of the repository that holds the calling file, at the same commit. */
  | { readonly kind: "local"; readonly path: string }
  | {
      readonly kind: "repository";
      readonly owner: string;
      readonly repo: string;
      readonly path: string;
      readonly ref: string;
    };

const PATH = /^\.(?:gitea|forgejo|github)\/workflows\/[^/\0\\]+\.ya?ml$/;
const NAME = /^(?!\.{1,2}$)[\w.-]+$/;

/**
 * Reads `./.gitea/workflows/x.yml` (or `.forgejo`, `.github`) and `owner/repo/.gitea/workflows/x.yml@ref`.
 * @throws AppError invalid when it is neither
 */
export function parseCallReference(uses: string): CallReference {
  const reference = uses.startsWith("./") ? local(uses.slice(2)) : remote(uses);
  if (reference !== undefined) return reference;
  throw new AppError(
    "invalid",
    `'uses: ${uses}' is not a workflow: write ./.gitea/workflows/x.yml or owner/repo/.gitea/workflows/x.yml@ref`,
  );
}

function local(path: string): CallReference | undefined {
  return PATH.test(path) ? { kind: "local", path } : undefined;
}

function remote(uses: string): CallReference | undefined {
  const at = uses.indexOf("@");
  const [owner = "", repo = "", ...rest] = uses.slice(0, Math.max(at, 0)).split("/");
  const path = rest.join("/");
  const ref = uses.slice(at + 1);
  if (at < 0 || ref === "" || !NAME.test(owner) || !NAME.test(repo) || !PATH.test(path)) return undefined;
  return { kind: "repository", owner, repo, path, ref };
}

/**
 * The name of a called file, complete: `./path` in the run's own repository, else `owner/repo/path@ref`. A `./path`
 * inside of a file of another repository means that repository at the same ref.
 * @param from name of the calling file; undefined for the run's own
 * @throws AppError invalid as `parseCallReference`
 */
export function calledName(uses: string, from: string | undefined): string {
  const reference = parseCallReference(uses);
  if (reference.kind === "repository" || from === undefined) return uses;
  const caller = parseCallReference(from);
  return caller.kind === "local" ? uses : `${caller.owner}/${caller.repo}/${reference.path}@${caller.ref}`;
}
