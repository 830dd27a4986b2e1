import { type Scope, scopeKey } from "../domain/scope.ts";

/** The context under which the value of a secret is sealed. */
export function secretContext(scope: Scope, name: string): string {
  return `secret:${scopeKey(scope)}:${name.toUpperCase()}`;
}
