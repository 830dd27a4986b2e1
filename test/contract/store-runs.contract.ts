import { afterAll, beforeEach, expect, test } from "vitest";
import { packRows } from "../../src/server/domain/log-rows-builder.ts";
import type { Scope } from "../../src/server/domain/scope.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { eventually } from "../support/eventually.ts";
import type { StoreKind } from "../support/stores.ts";
import { ALL, must, newJob, newRun, newRunner, newTask, seed } from "./store-fixture.ts";

/** What every store does with runs, jobs and tasks, and when things are deleted. */
export function storeRunsContract(kind: StoreKind): void {
  const resources = new AsyncDisposableStack();
  let store: Store;

  beforeEach(async () => {
    const place = resources.use(await kind.create());
    store = resources.use(await place.open());
  });
  afterAll(() => resources.disposeAsync());

  test("tasks: found in every way, changed, one per delivery", async () => {
    const { job, runner, task } = await seed(store);
    expect(await store.read.tasks.get(task.id)).toEqual(task);
    expect(await store.read.tasks.findByTokenMac("task-mac")).toEqual(task);
    await expect(store.write((tx) => tx.tasks.insert(newTask(job, runner.id), "other"))).rejects.toMatchObject({
      code: "conflict",
    });
    const second = await store.write((tx) => tx.tasks.insert(newTask(job, runner.id, { delivery: 2 }), "mac-2"));
    expect(await store.read.tasks.openOfRunner(runner.id)).toEqual([task, second]);
    expect(await store.read.tasks.listOpen(task.id, 10)).toEqual([second]);
    expect(await store.read.tasks.listByJob(job.id)).toEqual([task, second]);
    expect(await store.read.tasks.list({ runnerId: runner.id }, ALL)).toEqual({ items: [second, task], total: 2 });
    expect((await store.read.tasks.list({ repositoryId: job.repositoryId, runId: 999 }, ALL)).total).toBe(0);
    const patch = { status: "success", cause: "done", acknowledgedAt: 21, stoppedAt: 22, heartbeatAt: 23 } as const;
    await store.write((tx) => tx.tasks.update(task.id, patch));
    expect(await store.read.tasks.get(task.id)).toEqual({ ...task, ...patch });
    expect(await store.read.tasks.openOfRunner(runner.id)).toEqual([second]);
    await store.write((tx) => tx.tasks.setToken(task.id, null));
    await store.write((tx) => tx.tasks.setToken(second.id, "mac-3"));
    expect(await store.read.tasks.findByTokenMac("task-mac")).toBeUndefined();
    expect(await store.read.tasks.findByTokenMac("mac-2")).toBeUndefined();
    expect((await store.read.tasks.findByTokenMac("mac-3"))?.id).toBe(second.id);
  });

  test.each(["repository", "account"])("deleting a %s takes everything below it along", async (what) => {
    const { account, repository, run, job, task, runner } = await seed(store);
    const scope: Scope = { kind: "repository", ownerId: account.id, repositoryId: repository.id };
    const other = await store.write(async (tx) => {
      const own = await tx.runners.insert(newRunner("own", { scope }), { hash: "h", mac: "own" });
      await tx.tasks.addOutputs(task.id, { a: "b" });
      await tx.settings.put("secret", scope, { name: "S", value: "v", description: "", createdAt: 1 });
      await tx.registrationTokens.insert(
        { scope, active: true, current: true, sealed: null, expiresAt: null, usesLeft: null, cidrs: [], createdAt: 1 },
        "reg",
      );
      const grant = { kind: "repository", ownerId: account.id, repositoryId: repository.id } as const;
      await tx.apiTokens.insert(
        { accountId: account.id, name: "n", grant, access: "read", expiresAt: null, createdAt: 1 },
        { hash: "h", mac: "api" },
      );
      await tx.accounts.setRole(account.id, account.id, "owner");
      return own;
    });
    await store.logs.append(task.id, 0, packRows([{ time: 1, content: "x" }]));
    const deleted = await store.write<unknown>((tx) =>
      what === "repository" ? tx.repositories.delete(repository.id) : tx.accounts.delete(account.id),
    );
    expect(deleted).toEqual({ runnerIds: [other.id], taskIds: [task.id] });
    expect(await store.read.repositories.get(repository.id)).toBeUndefined();
    expect(await store.read.runs.get(run.id)).toBeUndefined();
    expect(await store.read.jobs.get(job.id)).toBeUndefined();
    expect(await store.read.tasks.get(task.id)).toBeUndefined();
    expect(await store.read.tasks.outputKeys(task.id)).toEqual([]);
    expect(await store.read.runners.get(other.id)).toBeUndefined();
    expect(await store.read.runners.get(runner.id)).toEqual(runner);
    expect(await store.read.settings.list("secret", scope)).toEqual([]);
    expect(await store.read.registrationTokens.findByMac("reg")).toBeUndefined();
    expect(await store.read.apiTokens.findByMac("api")).toBeUndefined();
    expect(await store.read.accounts.get(account.id)).toEqual(what === "repository" ? account : undefined);
    await eventually("the log to go", async () => (await store.logs.state(task.id)).rows === 0);
  });

  test("runs keep all fields and their source, and are listed by every filter", async () => {
    const { account, repository, run } = await seed(store);
    expect(run.number).toBe(1);
    expect(await store.read.runs.get(run.id)).toEqual(run);
    expect(await store.read.runs.source(run.id)).toBe("on: push\n");
    await expect(store.read.runs.source(999)).rejects.toMatchObject({ code: "not_found" });
    const second = await store.write((tx) =>
      tx.runs.insert(newRun(repository, { event: "pull_request", ref: "refs/pull/1/head", sha: "b" }), "x"),
    );
    expect(second.number).toBe(2);
    await store.write((tx) => tx.runs.update(second.id, { status: "running", startedAt: 30 }));
    const ids = async (filter: object) => (await store.read.runs.list(filter, ALL)).items.map((item) => item.id);
    expect(await ids({})).toEqual([second.id, run.id]);
    expect(await ids({ repositoryId: repository.id, statuses: ["running"] })).toEqual([second.id]);
    expect(await ids({ statuses: [] })).toEqual([]);
    expect(await ids({ ownerIds: [account.id], event: "push" })).toEqual([run.id]);
    expect(await ids({ ownerIds: [] })).toEqual([]);
    expect(await ids({ ref: "refs/pull/1/head" })).toEqual([second.id]);
    expect(await ids({ workflowPath: ".gitea/workflows/ci.yaml" })).toHaveLength(2);
    expect(await ids({ workflowPath: "other.yaml" })).toEqual([]);
    expect(await ids({ sha: "b", actorName: "Alice" })).toEqual([second.id]);
    expect(await store.write((tx) => tx.runs.lock(second.id))).toMatchObject({ status: "running", startedAt: 30 });
    expect(await store.write((tx) => tx.runs.lock(999))).toBeUndefined();
    await expect(store.write((tx) => tx.runs.insert(newRun({ ...repository, id: 999 }), "x"))).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("values of any size and any unicode survive", async () => {
    const { repository } = await seed(store);
    const big = "🚀é\u0000\n'\"\\%_".repeat(20_000);
    const run = await store.write((tx) =>
      tx.runs.insert(newRun(repository, { eventPayload: { big }, title: big }), big),
    );
    expect(await store.read.runs.get(run.id)).toEqual(run);
    expect(await store.read.runs.source(run.id)).toBe(big);
  });

  test("jobs: order, filters, compare-and-set", async () => {
    const { account, repository, run, job } = await seed(store);
    const [second, third] = await store.write((tx) =>
      tx.jobs.insertMany([
        newJob(run, { key: "test", status: "blocked", leg: null, needs: [], message: "waits" }),
        newJob(run, { key: "lint", leg: [1, "two"], continueOnError: true, outputs: { a: "b" }, priority: -3 }),
      ]),
    );
    expect(await store.read.jobs.listByRun(run.id)).toEqual([job, second, third]);
    expect((await store.read.jobs.listWaiting(0, 10)).map(({ id }) => id)).toEqual([job.id, must(third).id]);
    expect((await store.read.jobs.listWaiting(job.id, 10)).map(({ id }) => id)).toEqual([must(third).id]);
    expect(await store.read.jobs.listWaiting(0, 1)).toHaveLength(1);
    const patch = { status: "running", startedAt: 77, taskId: 3, outputs: { x: "y" } } as const;
    expect(await store.write((tx) => tx.jobs.update(must(third).id, ["blocked"], patch))).toBe(false);
    expect(await store.write((tx) => tx.jobs.update(must(third).id, [], patch))).toBe(false);
    expect(await store.write((tx) => tx.jobs.update(must(third).id, ["blocked", "waiting"], patch))).toBe(true);
    expect(await store.read.jobs.get(must(third).id)).toEqual({ ...third, ...patch });
    const list = async (filter: object) => (await store.read.jobs.list(filter, ALL)).items.map(({ id }) => id);
    expect(await list({ runId: run.id })).toEqual([must(third).id, must(second).id, job.id]);
    expect(await list({ repositoryId: repository.id, statuses: ["blocked", "running"] })).toEqual([
      must(third).id,
      must(second).id,
    ]);
    expect(await list({ ownerIds: [account.id] })).toHaveLength(3);
    expect(await list({ ownerIds: [] })).toEqual([]);
  });

  test("lists: pages of several ranges, totals that are kept and totals that are counted", async () => {
    const { account, repository, run, job } = await seed(store);
    const statuses = ["success", "failure", "waiting", "skipped"] as const;
    const jobs = await store.write((tx) =>
      tx.jobs.insertMany(Array.from({ length: 23 }, (_, n) => newJob(run, { status: must(statuses[n % 4]) }))),
    );
    const all = [job, ...jobs].toReversed();
    const filters = [
      [{}, all],
      [{ repositoryId: repository.id }, all],
      [{ ownerIds: [account.id, 999] }, all],
      [{ runId: run.id, repositoryId: repository.id }, all],
      [{ statuses: ["success", "skipped"] }, all.filter(({ status }) => status === "success" || status === "skipped")],
      [{ ownerIds: [account.id, 999], statuses: ["waiting"] }, all.filter(({ status }) => status === "waiting")],
      [{ repositoryId: 999 }, []],
    ] as const;
    for (const [filter, expected] of filters) {
      for (const page of [1, 2, 4, 9]) {
        const items = expected.slice((page - 1) * 5, page * 5);
        expect(await store.read.jobs.list(filter, { page, limit: 5 })).toEqual({ items, total: expected.length });
      }
    }
    const [newest] = all;
    await store.write((tx) => tx.jobs.delete(must(newest).id));
    await store.write((tx) => tx.jobs.delete(must(newest).id));
    expect((await store.read.jobs.list({}, ALL)).total).toBe(23);
    const other = await store.write((tx) => tx.runs.insert(newRun(repository), "x"));
    expect((await store.read.runs.list({ ownerIds: [account.id] }, ALL)).total).toBe(2);
    await store.write((tx) => tx.runs.delete(run.id));
    expect(await store.read.runs.list({ repositoryId: repository.id }, ALL)).toEqual({ items: [other], total: 1 });
    expect(await store.read.jobs.list({ repositoryId: repository.id }, ALL)).toEqual({ items: [], total: 0 });
  });

  test("many rows by their ids", async () => {
    const { repository, run, task, runner } = await seed(store);
    expect(await store.read.repositories.getMany([repository.id, 999])).toEqual([repository]);
    expect(await store.read.runs.getMany([999, run.id])).toEqual([run]);
    expect(await store.read.tasks.getMany([task.id])).toEqual([task]);
    expect(await store.read.runners.getMany([runner.id])).toEqual([runner]);
    expect(await store.read.runners.getMany([])).toEqual([]);
    await store.write((tx) => tx.runners.delete(runner.id, 1));
    expect(await store.read.runners.getMany([runner.id])).toEqual([]);
  });

  test("steps are merged by their index", async () => {
    const { task } = await seed(store);
    const step = (index: number, status: "waiting" | "running" | "success") => ({
      index,
      name: `step ${index}`,
      status,
      logIndex: index * 10,
      logLength: 10,
      startedAt: null,
      stoppedAt: null,
    });
    await store.write((tx) => tx.tasks.saveSteps(task.id, [step(0, "running"), step(1, "waiting")]));
    await store.write((tx) => tx.tasks.saveSteps(task.id, [step(1, "success")]));
    expect((await store.read.tasks.get(task.id))?.steps).toEqual([step(0, "running"), step(1, "success")]);
    await store.write((tx) => tx.tasks.saveSteps(999, [step(0, "running")]));
  });

  test("heartbeats of open tasks move forward together", async () => {
    const { job, runner, task } = await seed(store);
    const ended = await store.write(async (tx) => {
      const second = await tx.tasks.insert(newTask(job, runner.id, { delivery: 2 }), "mac-2");
      await tx.tasks.update(second.id, { status: "success" });
      await tx.tasks.touch([]);
      await tx.tasks.touch([
        { id: second.id, heartbeatAt: 500 },
        { id: task.id, heartbeatAt: 500 },
      ]);
      await tx.tasks.touch([{ id: task.id, heartbeatAt: 400 }]);
      return second;
    });
    expect((await store.read.tasks.get(task.id))?.heartbeatAt).toBe(500);
    expect((await store.read.tasks.get(ended.id))?.heartbeatAt).toBe(ended.heartbeatAt);
  });

  test("of an output the first value wins", async () => {
    const { task } = await seed(store);
    await store.write((tx) => tx.tasks.addOutputs(task.id, { b: "1", a: "x".repeat(1024 * 1024) }));
    await store.write((tx) => tx.tasks.addOutputs(task.id, { b: "2", B: "3", __proto__x: "" }));
    expect(await store.read.tasks.outputs(task.id)).toEqual({
      b: "1",
      B: "3",
      a: "x".repeat(1024 * 1024),
      __proto__x: "",
    });
    expect(await store.read.tasks.outputKeys(task.id)).toEqual(["B", "__proto__x", "a", "b"]);
  });

  test("deleting a run takes its jobs, tasks and logs along; its number is not given again", async () => {
    const { repository, run, task } = await seed(store);
    await store.logs.append(task.id, 0, packRows([{ time: 1, content: "x" }]));
    expect(await store.write((tx) => tx.runs.delete(run.id))).toEqual([task.id]);
    expect(await store.write((tx) => tx.runs.delete(run.id))).toEqual([]);
    expect(await store.read.jobs.listByRun(run.id)).toEqual([]);
    expect(await store.read.tasks.get(task.id)).toBeUndefined();
    expect((await store.write((tx) => tx.runs.insert(newRun(repository), "x"))).number).toBe(2);
    await eventually("the log to go", async () => (await store.logs.state(task.id)).rows === 0);
  });

  test("deleting a job takes its tasks and logs along", async () => {
    const { job, task, run } = await seed(store);
    await store.logs.append(task.id, 0, packRows([{ time: 1, content: "x" }]));
    await store.write((tx) => tx.jobs.delete(job.id));
    expect(await store.read.jobs.listByRun(run.id)).toEqual([]);
    expect(await store.read.tasks.get(task.id)).toBeUndefined();
    await eventually("the log to go", async () => (await store.logs.state(task.id)).rows === 0);
  });
}
