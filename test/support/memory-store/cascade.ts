import { type Scope, scopeKey } from "../../../src/server/domain/scope.ts";
import type { Key } from "./memory-database.ts";
import type { MemoryView } from "./memory-view.ts";

interface Deleted {
  readonly runnerIds: number[];
  readonly taskIds: number[];
}

/** Deletes an account with all that belongs to it. */
export function deleteOwner(view: MemoryView, id: number): Deleted {
  const deleted: Deleted = { runnerIds: [], taskIds: [] };
  for (const repository of view.all("repository").filter(({ ownerId }) => ownerId === id)) {
    const { runnerIds, taskIds } = deleteRepository(view, repository.id);
    deleted.runnerIds.push(...runnerIds);
    deleted.taskIds.push(...taskIds);
  }
  deleted.runnerIds.push(...deleteScope(view, { kind: "owner", ownerId: id }));
  for (const [key, { token }] of view.entries("apiToken")) {
    if (token.accountId === id || (token.grant.kind !== "admin" && token.grant.ownerId === id))
      view.remove("apiToken", key);
  }
  for (const [key, row] of view.entries("membership")) {
    if (row.userId === id || row.accountId === id) view.remove("membership", key);
  }
  view.remove("account", id);
  return deleted;
}

/** Deletes a repository with all that belongs to it. */
export function deleteRepository(view: MemoryView, id: number): Deleted {
  const taskIds: number[] = [];
  for (const { run } of view.all("run")) if (run.repositoryId === id) taskIds.push(...deleteRun(view, run.id));
  const ownerId = view.get("repository", id)?.ownerId ?? 0;
  const runnerIds = deleteScope(view, { kind: "repository", ownerId, repositoryId: id });
  for (const [key, { token }] of view.entries("apiToken")) {
    if (token.grant.kind === "repository" && token.grant.repositoryId === id) view.remove("apiToken", key);
  }
  view.remove("repository", id);
  return { runnerIds, taskIds };
}

/** Deletes a run with its jobs; returns the ids of its tasks. */
export function deleteRun(view: MemoryView, id: number): number[] {
  const jobs = view.all("job").filter(({ runId }) => runId === id);
  view.remove("run", id);
  for (const member of view.all("groupMember")) if (member.runId === id) view.remove("groupMember", member.id);
  return jobs.flatMap((job) => deleteJob(view, job.id));
}

/** Deletes a job with its tasks; returns their ids. */
export function deleteJob(view: MemoryView, id: number): number[] {
  const taskIds = view.all("task").flatMap(({ task }) => (task.jobId === id ? [task.id] : []));
  for (const taskId of taskIds) view.remove("task", taskId);
  for (const [key, { taskId }] of view.entries("output")) if (taskIds.includes(taskId)) view.remove("output", key);
  view.remove("job", id);
  for (const member of view.all("groupMember")) if (member.jobId === id) view.remove("groupMember", member.id);
  view.orphanedLogs.push(...taskIds);
  return taskIds;
}

/** Deletes what hangs on a scope; returns the ids of its runners, which are kept as deleted. */
function deleteScope(view: MemoryView, scope: Scope): number[] {
  const name = scopeKey(scope);
  const within = (key: Key, of: string) => (of === name ? [key] : []);
  for (const key of view.entries("setting").flatMap(([key, row]) => within(key, row.scope)))
    view.remove("setting", key);
  for (const key of view.entries("registrationToken").flatMap(([key, row]) => within(key, scopeKey(row.token.scope))))
    view.remove("registrationToken", key);
  view.remove("tasksVersion", name);
  const gone = view.all("runner").filter(({ runner }) => runner.deletedAt === null && scopeKey(runner.scope) === name);
  for (const row of gone) view.put("runner", row.runner.id, { ...row, runner: { ...row.runner, deletedAt: 1 } });
  return gone.map(({ runner }) => runner.id);
}
