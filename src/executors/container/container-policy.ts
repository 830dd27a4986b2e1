import { posix } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { ContainerDraft } from "./container-draft.ts";

/** What a workflow may ask of its containers. */
export interface ContainerPolicy {
  /** Privileged containers, devices, capabilities and the machine's namespaces. @default false */
  readonly privileged: boolean;
  /** Patterns (`*`, `?`, `{a,b}`) of folders of the machine and named volumes that it may mount. @default none */
  readonly validVolumes: readonly string[];
}

/** @throws AppError forbidden when the container asks for more than is allowed, naming the setting that would allow it */
export function checkPolicy(draft: ContainerDraft, policy: ContainerPolicy, where: string): void {
  const [asked] = draft.network === "host" ? ["--network host", ...draft.powers] : draft.powers;
  if (asked !== undefined && !policy.privileged) {
    throw new AppError(
      "forbidden",
      `${where} asks for ${asked}, which gives it power over the machine: this runner's container.privileged does not allow it`,
    );
  }
  if (draft.network !== undefined && draft.network !== "none" && draft.network !== "host") {
    throw new AppError(
      "forbidden",
      `${where} asks for --network ${draft.network}: containers are in their job's network; only 'none' may be chosen`,
    );
  }
  const valid = policy.validVolumes.map(globPattern);
  const refused = draft.sources.find((source) => !valid.some((pattern) => pattern.test(normal(source))));
  if (refused === undefined) return;
  throw new AppError(
    "forbidden",
    `${where} may not mount '${refused}': this runner's container.valid_volumes does not list it`,
  );
}

/** `/data/../etc` must not pass for something below `/data`. */
function normal(source: string): string {
  return source.includes("/") ? posix.normalize(source) : source;
}

/** Gitea's runner compiles these with gobwas/glob without separators: a star matches slashes too. */
function globPattern(glob: string): RegExp {
  let depth = 0;
  let source = "";
  for (const letter of glob) {
    if (letter === "{") depth += 1;
    if (letter === "}") depth = Math.max(0, depth - 1);
    source += WILD[letter] ?? (letter === "," && depth > 0 ? "|" : letter.replace(/[\\^$.+()[\]|/]/, "\\$&"));
  }
  return new RegExp(`^${source}${")".repeat(depth)}$`, "s");
}

const WILD: Readonly<Record<string, string>> = { "*": ".*", "?": ".", "{": "(?:", "}": ")" };
