import { basename } from "node:path";
import { AppError } from "../lib/errors.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestRepository } from "./rest-types.ts";
import type { WorkTree } from "./work-tree.ts";

const NAME_TRIES = 20;

/**
 * Makes the server know a work tree: by its path where the server runs on this machine, else by its remote.
 * The name is the directory's, with a number behind it where that is taken.
 */
export async function createRepository(client: RestClient, tree: WorkTree): Promise<RestRepository> {
  const origin = originFor(client.connection.server, tree);
  const wanted = repositoryName(tree.root);
  for (let number = 1; number <= NAME_TRIES; number += 1) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      return await client.request<RestRepository>("POST", "/user/repos", { body: { name, clone_url: origin } });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "conflict") throw error;
    }
  }
  throw new AppError(
    "conflict",
    `the names ${wanted} to ${wanted}-${NAME_TRIES} are taken: add the repository with "act-runner-ts repos add"`,
  );
}

/** What the server should mirror: the path if it can see it, else the remote. Throws `invalid` where there is neither. */
export function originFor(server: string, tree: WorkTree): string {
  if (isThisMachine(new URL(server).hostname)) return tree.root;
  if (tree.remote !== undefined) return tree.remote;
  throw new AppError(
    "invalid",
    `${tree.root} has no remote "origin" that ${server} could clone: push it somewhere, or name a repository with --repo`,
  );
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}

/** A directory's name in the characters that repository names have. */
export function repositoryName(root: string): string {
  const name = basename(root)
    .replace(/\.git$/, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  return name === "" ? "repository" : name.slice(0, 80);
}
