import { expect, it } from "vitest";
import type { Job } from "../../../../src/server/domain/run.ts";
import { RunDefinitions } from "../../../../src/server/services/run-definitions.ts";
import { WorkflowGraph } from "../../../../src/server/services/workflow-graph.ts";
import { sameThread } from "../../../support/same-thread.ts";
import { openTestStore } from "../../../support/stores.ts";

it("fails the rest of a run whose workflow cannot be read any more, and not the report that asks", async () => {
  await using store = await openTestStore();
  const graph = new WorkflowGraph({
    definitions: new RunDefinitions(sameThread),
    publicUrl: () => "http://ci.example",
    groupsMoved: () => {},
  });
  const runId = await store.write(async (tx) => {
    const owner = await tx.accounts.insert({ name: "o", kind: "user", createdAt: 1 });
    const place = { ownerId: owner.id, createdAt: 1 };
    const repository = await tx.repositories.insert(
      { ...place, name: "r", cloneUrl: "/r", defaultBranch: "main" },
      null,
    );
    const texts = {
      workflowPath: "a.yml",
      workflowName: "a",
      title: "a",
      event: "push",
      ref: "refs/heads/main",
      sha: "0",
    };
    const actor = { actorId: owner.id, actorName: "o", attempt: 1, eventPayload: {}, startedAt: 1, stoppedAt: null };
    const ids = { repositoryId: repository.id, ownerId: owner.id };
    const run = await tx.runs.insert({ ...place, ...ids, ...texts, ...actor, status: "running" }, "jobs: [");
    const job: Omit<Job, "id" | "key" | "name" | "status" | "needs"> = {
      ...{ ...ids, runId: run.id, runsOn: ["linux"], leg: null, attempt: 1, delivery: 0, cause: null, message: null },
      ...{ continueOnError: false, taskId: null, priority: 0, outputs: {}, reservation: null, createdAt: 1 },
      ...{ readyAt: null, startedAt: null, stoppedAt: null },
    };
    await tx.jobs.insertMany([
      { ...job, key: "a", name: "a", status: "success", needs: [] },
      { ...job, key: "b", name: "b", status: "blocked", needs: ["a"] },
    ]);
    return run.id;
  });
  await store.write(async (tx) => {
    const [first] = await tx.jobs.listByRun(runId);
    expect(await graph.jobFinished(tx, first?.id ?? 0, 5)).toEqual({ ready: [], toCancel: [] });
  });
  const jobs = await store.read.jobs.listByRun(runId);
  expect(jobs.map((job) => job.status)).toEqual(["success", "failure"]);
  expect(jobs[1]).toMatchObject({
    cause: "infrastructure",
    message: expect.stringContaining("cannot be read"),
    stoppedAt: 5,
  });
  expect(await store.read.runs.get(runId)).toMatchObject({ status: "failure", stoppedAt: 5 });
});
