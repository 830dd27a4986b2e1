import type { JsonValue } from "../../lib/json.ts";
import type { Repository } from "../domain/account.ts";
import type { Run } from "../domain/run.ts";

/** What the context is made of. */
export interface GithubContextInput {
  readonly run: Omit<Run, "id" | "number" | "status" | "createdAt" | "startedAt" | "stoppedAt"> & {
    /** Absent while the run is being planned. */
    readonly id?: number;
    readonly number?: number;
  };
  readonly repository: Pick<Repository, "id" | "ownerId" | "ownerName" | "name">;
  /** Outside address of the server, without a slash at its end. */
  readonly publicUrl: string;
}

/**
 * The `github` context as expressions on the server see it (job `if`, `run-name`, matrix, `runs-on`). Numbers are
 * strings, as in Gitea's task context (reference/protocol.md §3.7).
 */
export function githubContext({ run, repository, publicUrl }: GithubContextInput): { [key: string]: JsonValue } {
  const fullName = `${repository.ownerName}/${repository.name}`;
  const refType = run.ref.startsWith("refs/tags/") ? "tag" : "branch";
  const pull = pullRefs(run.eventPayload);
  return {
    actor: run.actorName,
    actor_id: String(run.actorId),
    api_url: `${publicUrl}/api/v1`,
    base_ref: pull.base,
    event: run.eventPayload as { [key: string]: JsonValue },
    event_name: run.event,
    graphql_url: "",
    head_ref: pull.head,
    ref: run.ref,
    ref_name: shortRef(run.ref),
    ref_protected: "false",
    ref_type: refType,
    repository: fullName,
    repository_id: String(repository.id),
    repository_owner: repository.ownerName,
    repository_owner_id: String(repository.ownerId),
    repositoryUrl: `${publicUrl}/${fullName}.git`,
    run_attempt: String(run.attempt),
    run_id: run.id === undefined ? "" : String(run.id),
    run_number: run.number === undefined ? "" : String(run.number),
    server_url: publicUrl,
    sha: run.sha,
    triggering_actor: run.actorName,
    workflow: run.workflowName,
    workflow_ref: `${fullName}/${run.workflowPath}@${run.ref}`,
    workflow_sha: run.sha,
  };
}

/** `refs/heads/main` → `main`, `refs/tags/v1` → `v1`, `refs/pull/3/head` → `3/head`, a bare sha stays. */
export function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags|pull)\//, "");
}

function pullRefs(payload: { readonly [key: string]: JsonValue }): { base: string; head: string } {
  const pull = payload["pull_request"];
  return { base: refOf(pull, "base"), head: refOf(pull, "head") };
}

function refOf(pull: JsonValue | undefined, side: "base" | "head"): string {
  if (pull === null || typeof pull !== "object" || Array.isArray(pull)) return "";
  const branch = pull[side];
  if (branch === null || typeof branch !== "object" || Array.isArray(branch)) return "";
  const ref = branch?.["ref"];
  return typeof ref === "string" ? ref : "";
}
