import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobEnvironment } from "../../executors/executor.ts";
import { AppError } from "../../lib/errors.ts";
import type { ActionAccess } from "../actions/action-origin.ts";
import type { RepositoryReference } from "../actions/action-reference.ts";
import type { ActionSource, FetchedRepository } from "../actions/action-source.ts";
import { copyAction } from "../actions/copy-action.ts";
import { type LoadedAction, loadMetadata, MAX_METADATA_BYTES } from "../actions/load-action.ts";

/** What the actions of a job are brought with. */
export interface JobActionsOptions {
  /** Absent where no action can be fetched. */
  readonly source: ActionSource | undefined;
  readonly access: ActionAccess;
  readonly environment: JobEnvironment;
  /** Let GitHub's artifact and cache clients accept this server. */
  readonly patch: boolean;
  /** Joins path pieces as the job sees them. */
  readonly join: (...pieces: string[]) => string;
  /** Writes a row of the set-up. */
  readonly say: (text: string) => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** The actions of one job: every ref is resolved once, every repository copied into the job once. */
export class JobActions {
  readonly #options: JobActionsOptions;
  readonly #fetched = new Map<string, FetchedRepository>();
  readonly #copied = new Set<string>();

  constructor(options: JobActionsOptions) {
    this.#options = options;
  }

  /** Addresses of the job's own server, which may have a path. */
  get ownBases(): readonly string[] {
    const { serverUrl, serverAliases } = this.#options.access;
    return [serverUrl, ...serverAliases];
  }

  /** Fetches an action of a repository. @throws AppError when it cannot be had, or its definition is wrong */
  async remote(uses: string, reference: RepositoryReference): Promise<LoadedAction> {
    const { url, sha, folder } = await this.#fetch(uses, reference);
    const { environment, patch, join: place } = this.#options;
    const name = encodeURIComponent(url.replace(/^[a-z]+:\/\//i, ""));
    const target = place(environment.paths.temp, "_actions", name, sha);
    const metadata = await loadMetadata(uses, (file) => readOrNothing(join(folder, reference.path, file)));
    if (!this.#copied.has(target)) {
      await copyAction(folder, target, environment, { join: place, patch });
      this.#copied.add(target);
    }
    return {
      uses,
      metadata,
      directory: reference.path === "" ? target : place(target, reference.path),
      repository: `${reference.owner}/${reference.repo}`,
      ref: reference.ref,
      source: { folder: join(folder, reference.path), key: contentKey(url, sha, reference.path) },
    };
  }

  /** Reads an action of the workspace; the path counts from there, also inside of other actions. */
  async local(uses: string, path: string): Promise<LoadedAction> {
    const { environment, join: place } = this.#options;
    const directory = place(environment.paths.workspace, path);
    const metadata = await loadMetadata(uses, (file) =>
      environment.readFile(place(directory, file), { maxBytes: MAX_METADATA_BYTES }),
    );
    return { uses, metadata, directory, repository: "", ref: "" };
  }

  async #fetch(uses: string, reference: RepositoryReference): Promise<FetchedRepository> {
    const key = JSON.stringify([reference.base ?? "", reference.owner, reference.repo, reference.ref]);
    const known = this.#fetched.get(key);
    if (known !== undefined) return known;
    const { source, access, signal, say } = this.#options;
    if (source === undefined) {
      throw new AppError(
        "not_found",
        `the action '${uses}' cannot be fetched: this runner was started without a cache`,
      );
    }
    const found = await source.fetch(reference, access, { signal });
    const from = found.remembered && !found.sha.startsWith(reference.ref.toLowerCase()) ? ", as last seen" : "";
    await say(`Action ${uses} is ${found.sha} of ${found.url}${from}`);
    this.#fetched.set(key, found);
    return found;
  }
}

/** Names the files of an action, as far as the tag of an image may be long. */
function contentKey(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
}

async function readOrNothing(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw new AppError(
      "unavailable",
      `${path} cannot be read (${String((error as NodeJS.ErrnoException).code)})`,
      error,
    );
  }
}
