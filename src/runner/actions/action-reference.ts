import { AppError } from "../../lib/errors.ts";

/** An action in a git repository. */
export interface RepositoryReference {
  readonly kind: "repository";
  /** Base of the address, without a slash at its end; absent where the default host is meant. */
  readonly base?: string;
  readonly owner: string;
  readonly repo: string;
  /** Folder in the repository; empty is its root. */
  readonly path: string;
  readonly ref: string;
}

/** What `uses` of a step names. */
export type ActionReference =
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "image"; readonly image: string }
  | RepositoryReference;

const NAME = /^(?!\.{1,2}$)[\w.-]+$/;

/**
 * Reads `./path`, `docker://image`, `owner/repo[/path]@ref` and `https://host/owner/repo[/path]@ref`.
 * @param bases addresses that may hold a path of their own, such as that of a server below `/git`
 * @throws AppError invalid when it is none of them
 */
export function parseActionReference(uses: string, bases: readonly string[] = []): ActionReference {
  if (/^docker:\/\/./i.test(uses)) return { kind: "image", image: uses.slice("docker://".length) };
  if (uses === "." || /^\.{1,2}[/\\]/.test(uses)) return { kind: "local", path: uses.replaceAll("\\", "/") };
  const at = uses.lastIndexOf("@");
  const ref = uses.slice(at + 1);
  const { base, rest } = splitBase(uses.slice(0, Math.max(at, 0)), bases);
  const [owner = "", repo = "", ...path] = rest.split("/");
  const name = repo.replace(/\.git$/, "");
  if (at < 0 || ref === "" || !NAME.test(owner) || !NAME.test(name) || path.some((part) => /^\.{0,2}$/.test(part))) {
    throw new AppError(
      "invalid",
      `'uses: ${uses}' is not an action: write ./path, docker://image, owner/repo[/path]@ref or https://host/owner/repo[/path]@ref`,
    );
  }
  return {
    kind: "repository",
    ...(base === undefined ? {} : { base }),
    owner,
    repo: name,
    path: path.join("/"),
    ref,
  };
}

function splitBase(address: string, bases: readonly string[]): { base: string | undefined; rest: string } {
  if (!/^https?:\/\//i.test(address)) return { base: undefined, rest: address };
  const known = bases.find((base) => address.startsWith(`${base}/`));
  const base = known ?? /^https?:\/\/[^/]*/i.exec(address)?.[0] ?? "";
  return { base, rest: address.slice(base.length + 1) };
}
