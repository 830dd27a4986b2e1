import { AppError } from "../../lib/errors.ts";
import { parseCallReference } from "../../workflow/call-reference.ts";
import type { Diagnostic } from "../../workflow/diagnostic.ts";
import { linkCalls, type WorkflowTree } from "../../workflow/link-calls.ts";
import { loadCalls } from "../../workflow/load-calls.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { Repository } from "../domain/account.ts";
import type { CalledSource } from "../domain/run.ts";
import type { Store } from "../storage/store.ts";
import type { Mirrors } from "./mirrors.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** What called files are loaded with. */
export interface LoadCalledDeps {
  readonly store: Store;
  readonly mirrors: Mirrors;
  readonly threads: Pick<WorkflowThreads, "read">;
}

/** The run that calls. */
export interface CallingRun {
  readonly repository: Repository;
  readonly sha: string;
  /** The account that causes the run; it has to be a member where a file of another owner is called. */
  readonly actorId: number;
}

/** The workflow of a run with those that it calls, and their files. The tree is absent exactly when there is an error. */
export interface CalledTree {
  readonly tree?: WorkflowTree;
  readonly called: readonly CalledSource[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Most characters that the called files of a run have together; they are stored with it in one row. */
const MOST_TEXT = 2 * 1024 * 1024;

/**
 * Loads the files that a workflow calls, from this server's repositories: `./path` at the run's commit, others at
 * their ref as it is now. @throws AppError unavailable when a repository cannot be fetched
 */
export async function loadCalled(
  deps: LoadCalledDeps,
  run: CallingRun,
  workflow: Workflow,
  options: { readonly signal?: AbortSignal },
): Promise<CalledTree> {
  const called: CalledSource[] = [];
  let length = 0;
  const files = await loadCalls(workflow, async (name) => {
    const { sha, source } = await sourceOf(deps, run, name, options);
    length += source.length;
    if (length > MOST_TEXT) throw new AppError("invalid", "the called files of a run have at most 2 MiB together");
    called.push({ name, sha, source });
    return await deps.threads.read(source);
  });
  return { ...linkCalls(workflow, files), called };
}

async function sourceOf(
  { store, mirrors }: LoadCalledDeps,
  run: CallingRun,
  name: string,
  options: { readonly signal?: AbortSignal },
): Promise<{ sha: string; source: string }> {
  const reference = parseCallReference(name);
  const { path } = reference;
  const repository =
    reference.kind === "local" ? run.repository : await repositoryOf(store, run, reference.owner, reference.repo);
  const sha =
    reference.kind === "local" ? run.sha : (await mirrors.resolve(repository, { ref: reference.ref }, options)).sha;
  const source = await mirrors.read(repository, sha, path, options);
  if (source !== undefined) return { sha, source };
  const fullName = `${repository.ownerName}/${repository.name}`;
  throw new AppError("not_found", `${fullName} has no file ${path} at commit ${sha.slice(0, 10)}`);
}

/** A repository of the same owner, or of one where the run's actor is a member. Others are as if they were not there. */
async function repositoryOf(store: Store, run: CallingRun, owner: string, name: string): Promise<Repository> {
  const found = await store.read.repositories.find(owner, name);
  const isOpen =
    found !== undefined &&
    (found.ownerId === run.repository.ownerId ||
      (await store.read.accounts.role(run.actorId, found.ownerId)) !== undefined);
  if (isOpen) return found;
  const message = `there is no repository ${owner}/${name} on this server, or whoever started the run is no member of ${owner}`;
  throw new AppError("not_found", `${message}; add it with 'repos add'`);
}
