import type { SettingReads } from "../storage/store.ts";

type Visible = Awaited<ReturnType<SettingReads["visibleTo"]>>;

/** The variables that a repository's jobs see: the server's, its owner's, its own; the narrower scope wins. */
export async function variablesFor(
  settings: SettingReads,
  repository: { readonly ownerId: number; readonly repositoryId: number },
): Promise<Readonly<Record<string, string>>> {
  return variablesOf(await settings.visibleTo(repository));
}

/** The variables among the settings that a repository sees. */
export function variablesOf(visible: Visible): Readonly<Record<string, string>> {
  return Object.fromEntries(
    visible.filter(({ kind }) => kind === "variable").map(({ name, value }) => [name.toUpperCase(), value]),
  );
}
