import { expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { GroupKeeper } from "../../../../src/server/services/group-keeper.ts";
import { planJobs } from "../../../../src/server/services/plan-jobs.ts";
import { RunDefinitions } from "../../../../src/server/services/run-definitions.ts";
import { WorkflowGraph } from "../../../../src/server/services/workflow-graph.ts";
import { ExprObject } from "../../../../src/workflow/expressions/value.ts";
import { linkCalls } from "../../../../src/workflow/link-calls.ts";
import { parseWorkflow } from "../../../../src/workflow/parse-workflow.ts";
import { newRepository, newRun } from "../../../contract/store-fixture.ts";
import { eventually } from "../../../support/eventually.ts";
import { sameThread } from "../../../support/same-thread.ts";
import { openTestStore } from "../../../support/stores.ts";

const SOURCE = `on: push
concurrency: { group: g, cancel-in-progress: true }
jobs:
  one:
    runs-on: linux
    steps: [{ run: echo }]
`;

it("what a replica decided about other runs before it crashed, another one tells them", async () => {
  await using store = await openTestStore();
  const { workflow } = parseWorkflow(SOURCE);
  const tree = workflow && linkCalls(workflow, new Map()).tree;
  if (tree === undefined) throw new Error("the workflow is wrong");
  const none = new ExprObject();
  const { jobs } = planJobs(tree, { github: none, inputs: none, vars: none }, 1, 1);
  const moved: number[] = [];
  const graph = new WorkflowGraph({
    definitions: new RunDefinitions(sameThread),
    publicUrl: () => "http://ci.example",
    groupsMoved: (repositoryId) => moved.push(repositoryId),
  });
  const repository = await store.write(async (tx) => {
    const { id } = await tx.accounts.insert({ name: "o", kind: "user", createdAt: 1 });
    return await tx.repositories.insert(newRepository(id, "r"), null);
  });
  const submit = () =>
    store.write(async (tx) => {
      const run = await tx.runs.insert(newRun(repository), SOURCE);
      const ids = { runId: run.id, repositoryId: repository.id, ownerId: repository.ownerId };
      await tx.jobs.insertMany(jobs.map((job) => ({ ...job, ...ids })));
      await graph.settle(tx, run.id, 2);
      return run.id;
    });
  const statuses = async (runId: number) => (await store.read.jobs.listByRun(runId)).map(({ status }) => status);
  const [first, second] = [await submit(), await submit()];
  // The replica is gone: nobody was told.
  expect([await statuses(first), await statuses(second), moved]).toEqual([["waiting"], ["blocked"], [repository.id]]);
  const ready: number[] = [];
  await using keeper = new GroupKeeper({
    ...{ store, clock: systemClock, log: silentLogger, graph },
    applyGraph: (change) => ready.push(...change.ready.map(({ runId }) => runId)),
    cancelJobs: async () => {},
  });
  keeper.start();
  await eventually("the first run to be cancelled", async () => (await statuses(first))[0] === "cancelled");
  expect((await store.read.jobs.listByRun(first))[0]).toMatchObject({ cause: "superseded" });
  // Its end freed the group, which is the next thing to be told.
  expect(moved).toEqual([repository.id, repository.id]);
  keeper.look(repository.id);
  await eventually("the second run to go on", async () => (await statuses(second))[0] === "waiting");
  await eventually("the dispatcher to be told", async () => ready.length > 0);
  expect(ready).toEqual([second]);
  expect(await store.read.groups.due()).toEqual([]);
});
