import { realpath } from "node:fs/promises";
import type { CliContext } from "./cli-context.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestRepository } from "./rest-types.ts";
import { findWorkTree, type WorkTree } from "./work-tree.ts";

/** The server's repository that a work tree belongs to: the one with its path, else the one with its remote. */
export async function knownRepository(client: RestClient, tree: WorkTree): Promise<RestRepository | undefined> {
  const repositories = await client.list<RestRepository>("/repos/search", "data");
  const paths = new Set([tree.root, await realpath(tree.root)]);
  const byPath = repositories.find(({ clone_url: url }) => url !== undefined && paths.has(url));
  if (byPath !== undefined || tree.remote === undefined) return byPath;
  const remote = comparable(tree.remote);
  return repositories.find(({ clone_url: url }) => url !== undefined && comparable(url) === remote);
}

/** `owner/name` of the repository of the working directory, or undefined. */
export async function repositoryHere(client: RestClient, context: CliContext): Promise<string | undefined> {
  const tree = await findWorkTree(context.cwd, context);
  return tree === undefined ? undefined : (await knownRepository(client, tree))?.full_name;
}

/** Addresses that differ only in `.git`, a slash at the end, or the case of the host are the same. */
function comparable(address: string): string {
  const url = URL.parse(address);
  return (url === null ? address : url.href).replace(/\/+$/, "").replace(/\.git$/, "");
}
