import { type Command, Option } from "commander";
import { UsageError } from "./usage-error.ts";

/** Flags that choose whose things are meant. */
export interface ScopeOptions {
  readonly repo?: string | undefined;
  readonly owner?: string | undefined;
  readonly user?: boolean | undefined;
  readonly global?: boolean | undefined;
}

/** Adds `--repo`, `--owner`, `--user` and, where the server itself has such things, `--global`; at most one may be given. */
export function addScopeOptions(command: Command, options: { readonly global: boolean }): Command {
  command
    .addOption(new Option("-R, --repo <owner/name>", "of a repository").conflicts(["owner", "user", "global"]))
    .addOption(new Option("--owner <name>", "of an organisation or user").conflicts(["user", "global"]))
    .addOption(new Option("--user", "of the token's own account").conflicts(["global"]));
  return options.global ? command.addOption(new Option("--global", "of the whole server")) : command;
}

/** Path below `/api/v1` that ends in `/actions`, for the scope that the flags choose; undefined where they choose none. */
export function scopePath({ repo, owner, user, global }: ScopeOptions): string | undefined {
  if (repo !== undefined) return `${repositoryPath(repo)}/actions`;
  if (owner !== undefined) return `/orgs/${encodeURIComponent(owner)}/actions`;
  if (user === true) return "/user/actions";
  return global === true ? "/admin/actions" : undefined;
}

/** `/repos/{owner}/{name}` for `owner/name`. Throws UsageError for anything else. */
export function repositoryPath(repository: string): string {
  const [owner = "", name = "", ...rest] = repository.split("/");
  if (owner === "" || name === "" || rest.length > 0) {
    throw new UsageError(`"${repository}" is no repository: write it as owner/name`);
  }
  return `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
}
