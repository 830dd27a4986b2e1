import { GLOBAL_SCOPE, type Scope } from "../domain/scope.ts";
import type { SettingReads } from "../storage/store.ts";

/** The variables that a repository's jobs see: the server's, its owner's, its own; the narrower scope wins. */
export async function variablesFor(
  settings: SettingReads,
  repository: { readonly ownerId: number; readonly repositoryId: number },
): Promise<Readonly<Record<string, string>>> {
  const scopes: readonly Scope[] = [
    GLOBAL_SCOPE,
    { kind: "owner", ownerId: repository.ownerId },
    { kind: "repository", ownerId: repository.ownerId, repositoryId: repository.repositoryId },
  ];
  const values = new Map<string, string>();
  for (const scope of scopes) {
    for (const { name, value } of await settings.list("variable", scope)) values.set(name.toUpperCase(), value);
  }
  return Object.fromEntries(values);
}
