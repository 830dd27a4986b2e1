import type { Scope } from "../domain/scope.ts";

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

/** The context under which the value of a secret is sealed. */
export function secretContext(scope: Scope, name: string): string {
  return `secret:${scopeKey(scope)}:${name.toUpperCase()}`;
}
