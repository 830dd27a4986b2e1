import type { Template } from "./model.ts";

/** A level of access, the weakest first. */
export type PermissionLevel = "none" | "read" | "write";

/** What a job's token may do, by scope. What is not in it is `none`. */
export type Permissions = ReadonlyMap<string, PermissionLevel>;

/** Scopes of GitHub and Gitea that `read-all` and `write-all` stand for. */
const ALL_SCOPES = [
  ...["actions", "attestations", "checks", "code", "contents", "deployments", "discussions", "id-token", "issues"],
  ...["models", "packages", "pages", "projects", "pull-requests", "releases", "repository-projects"],
  ...["security-events", "statuses", "wiki"],
];
const RANK: Readonly<Record<PermissionLevel, number>> = { none: 0, read: 1, write: 2 };

/** What a `permissions` key grants: `read-all`, `write-all`, or levels by scope. */
export function permissionsOf(template: Template): Permissions {
  if (template.kind === "literal") {
    if (template.value !== "read-all" && template.value !== "write-all") return new Map();
    const level = template.value === "read-all" ? "read" : "write";
    return new Map(ALL_SCOPES.map((scope) => [scope, level]));
  }
  if (template.kind !== "mapping") return new Map();
  return new Map(
    template.entries.flatMap(({ key, value }): [string, PermissionLevel][] => {
      if (key.kind !== "literal" || value.kind !== "literal") return [];
      return [[String(key.value), value.value === "write" || value.value === "read" ? value.value : "none"]];
    }),
  );
}

/** One scope of which more is asked for than is allowed. */
export interface Excess {
  readonly scope: string;
  readonly asked: PermissionLevel;
  readonly allowed: PermissionLevel;
}

/** What is asked for beyond what is allowed. */
export function beyond(asked: Permissions, allowed: Permissions): Excess[] {
  return [...asked].flatMap(([scope, level]) => {
    const limit = allowed.get(scope) ?? "none";
    return RANK[level] > RANK[limit] ? [{ scope, asked: level, allowed: limit }] : [];
  });
}
