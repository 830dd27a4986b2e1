/**
 * Where a runner, registration token, secret or variable belongs. Gitea writes the same as a pair of numbers
 * (owner_id, repo_id): (0,0), (owner,0), (0,repo).
 */
export type Scope =
  | { readonly kind: "global" }
  | { readonly kind: "owner"; readonly ownerId: number }
  | { readonly kind: "repository"; readonly ownerId: number; readonly repositoryId: number };

/** The scope of the whole server. */
export const GLOBAL_SCOPE: Scope = { kind: "global" };

/** Whether something of scope `outer` serves a repository (a global runner serves all, an owner's runner that owner's). */
export function scopeCovers(
  outer: Scope,
  repository: { readonly ownerId: number; readonly repositoryId: number },
): boolean {
  switch (outer.kind) {
    case "global":
      return true;
    case "owner":
      return outer.ownerId === repository.ownerId;
    case "repository":
      return outer.repositoryId === repository.repositoryId;
  }
}

/** A scope as a short text: a key of maps and part of the context of sealed texts. Never changes: rows depend on it. */
export function scopeKey(scope: Scope): string {
  switch (scope.kind) {
    case "global":
      return "global";
    case "owner":
      return `owner:${scope.ownerId}`;
    case "repository":
      return `repository:${scope.repositoryId}`;
  }
}
