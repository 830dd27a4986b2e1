import type { Account, Repository } from "../../src/server/domain/account.ts";
import { newRunner as freshRunner } from "../../src/server/domain/new-runner.ts";
import type { Job, Run } from "../../src/server/domain/run.ts";
import type { Runner } from "../../src/server/domain/runner.ts";
import { GLOBAL_SCOPE } from "../../src/server/domain/scope.ts";
import type { Task } from "../../src/server/domain/task.ts";
import type { New, Store } from "../../src/server/storage/store.ts";

/** A page that holds everything of a small test. */
export const ALL = { page: 1, limit: 1000 };

/** The value, which the test knows to be there. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the test expected a value");
  return value;
}

export function newRepository(ownerId: number, name: string): New<Omit<Repository, "ownerName">> {
  return { ownerId, name, cloneUrl: "https://example.org/x.git", defaultBranch: "main", createdAt: 5 };
}

export function newRun(repository: Repository, more: Partial<Run> = {}): New<Omit<Run, "number">> {
  return {
    repositoryId: repository.id,
    ownerId: repository.ownerId,
    attempt: 1,
    workflowPath: ".gitea/workflows/ci.yaml",
    workflowName: "ci",
    title: "Übersetze 🚀",
    event: "push",
    eventPayload: { ref: "refs/heads/main", commits: [1, null, "x"], nested: { deep: true } },
    ref: "refs/heads/main",
    sha: "a".repeat(40),
    actorId: repository.ownerId,
    actorName: repository.ownerName,
    status: "waiting",
    createdAt: 10,
    startedAt: null,
    stoppedAt: null,
    ...more,
  };
}

export function newJob(run: Run, more: Partial<Job> = {}): New<Job> {
  return {
    runId: run.id,
    repositoryId: run.repositoryId,
    ownerId: run.ownerId,
    key: "build",
    name: 'build (1, "x")',
    needs: ["a", "b"],
    runsOn: ["ubuntu-latest"],
    leg: { node: 24, os: "linux" },
    attempt: 1,
    delivery: 0,
    status: "waiting",
    cause: null,
    message: null,
    continueOnError: false,
    taskId: null,
    priority: 0,
    outputs: {},
    reservation: null,
    createdAt: 11,
    readyAt: 12,
    startedAt: null,
    stoppedAt: null,
    ...more,
  };
}

export function newRunner(uuid: string, more: Partial<Runner> = {}): New<Runner> {
  const labels = ["ubuntu-latest", "gpu"];
  const start = { uuid, name: `runner ${uuid}`, version: "v1", scope: GLOBAL_SCOPE, labels, createdAt: 7 };
  return { ...freshRunner({ ...start, capabilities: ["cancelling"] }), ...more };
}

export function newTask(job: Job, runnerId: number, more: Partial<Task> = {}): New<Task> {
  return {
    jobId: job.id,
    runId: job.runId,
    repositoryId: job.repositoryId,
    runnerId,
    attempt: 1,
    delivery: 1,
    status: "running",
    cause: null,
    acknowledgedAt: null,
    offeredAt: 20,
    heartbeatAt: 20,
    cancelSentAt: null,
    cancelTimeoutMs: null,
    startedAt: 20,
    stoppedAt: null,
    requestKey: null,
    steps: [],
    ...more,
  };
}

/** An account, its repository, a run with one job, a runner and a task. */
export async function seed(store: Store): Promise<{
  account: Account;
  repository: Repository;
  run: Run;
  job: Job;
  runner: Runner;
  task: Task;
}> {
  return store.write(async (tx) => {
    const account = await tx.accounts.insert({ name: "Alice", kind: "user", createdAt: 1 });
    const repository = await tx.repositories.insert(newRepository(account.id, "Site"), "sealed");
    const run = await tx.runs.insert(newRun(repository), "on: push\n");
    const [job] = await tx.jobs.insertMany([newJob(run)]);
    const runner = await tx.runners.insert(newRunner("u-1"), { hash: "h", mac: "m-1" });
    if (job === undefined) throw new Error("no job was inserted");
    const task = await tx.tasks.insert(newTask(job, runner.id), "task-mac");
    return { account, repository, run, job, runner, task };
  });
}
