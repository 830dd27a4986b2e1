import type { CliContext } from "./cli-context.ts";
import { repositoryHere } from "./known-repository.ts";
import { repositoryPath, type ScopeOptions, scopePath } from "./repository-scope.ts";
import type { RestClient } from "./rest-client.ts";
import { UsageError } from "./usage-error.ts";

/** The scope that the flags choose, else the repository of the working directory. A wider scope is never guessed. */
export async function chosenScope(client: RestClient, options: ScopeOptions, context: CliContext): Promise<string> {
  const chosen = scopePath(options);
  if (chosen !== undefined) return chosen;
  const here = await repositoryHere(client, context);
  if (here !== undefined) return `${repositoryPath(here)}/actions`;
  throw new UsageError("no scope is given: add -R owner/name, --owner NAME or --user");
}
