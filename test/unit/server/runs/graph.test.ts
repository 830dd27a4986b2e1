import { describe, expect, it } from "vitest";
import { isConclusion, type Job, type JobStatus } from "../../../../src/server/domain/run.ts";
import { cancelGraph } from "../../../../src/server/services/cancel-graph.ts";
import { planJobs } from "../../../../src/server/services/plan-jobs.ts";
import { rerunGraph } from "../../../../src/server/services/rerun-graph.ts";
import { deriveRunStatus } from "../../../../src/server/services/run-status-update.ts";
import { type GraphState, settleGraph } from "../../../../src/server/services/settle-graph.ts";
import { ExprObject } from "../../../../src/workflow/expressions/value.ts";
import type { WorkflowTree } from "../../../../src/workflow/link-calls.ts";
import { parseWorkflow } from "../../../../src/workflow/parse-workflow.ts";

const contexts = { github: new ExprObject(), inputs: new ExprObject(), vars: new ExprObject() };

/** A graph that is played without a database: names and states in, names and states out. */
class Graph {
  jobs: Job[];
  readonly workflow;
  readonly cancelled: string[] = [];

  constructor(jobs: string) {
    const { workflow, diagnostics } = parseWorkflow(`on: push\njobs:\n${jobs}`);
    if (workflow === undefined) throw new Error(diagnostics.map((one) => one.message).join("; "));
    this.workflow = workflow;
    const planned = planJobs(this.tree, contexts, 1, 0);
    expect(planned.diagnostics.filter((one) => one.severity === "error")).toEqual([]);
    this.jobs = planned.jobs.map((job, index) => ({ ...job, id: index + 1, runId: 1, repositoryId: 1, ownerId: 1 }));
  }

  get tree(): WorkflowTree {
    return { name: undefined, workflow: this.workflow, calls: new Map() };
  }

  get state(): GraphState {
    return { tree: this.tree, jobs: this.jobs, contexts, now: 5 };
  }

  /** Sets states by name, as a runner would, and settles. */
  set(states: Readonly<Record<string, JobStatus>>, more: Partial<Job> = {}): this {
    this.jobs = this.jobs.map((job) =>
      job.name in states ? { ...job, status: states[job.name] ?? job.status, ...more } : job,
    );
    return this.settle();
  }

  settle(): this {
    const { changed, added, cancel } = settleGraph(this.state);
    this.jobs = this.jobs.map((job) => changed.find((one) => one.id === job.id) ?? job);
    this.jobs.push(...added.map((job, index) => ({ ...job, id: 100 + index })));
    this.cancelled.push(...cancel.map((job) => job.name));
    const again = settleGraph(this.state);
    expect([again.changed, again.added]).toEqual([[], []]);
    return this;
  }

  get view(): Record<string, JobStatus> {
    return Object.fromEntries(this.jobs.map((job) => [job.name, job.status]));
  }
}

const steps = "    runs-on: linux\n    steps: [{ run: echo }]\n";

describe("needs and conditions", () => {
  const chain = `  a:\n${steps}  b:\n    needs: a\n${steps}  c:\n    needs: b\n${steps}  always:\n    needs: b\n    if: always()\n${steps}  alarm:\n    needs: c\n    if: failure()\n${steps}`;

  it("starts with the roots", () => {
    expect(new Graph(chain).view).toEqual({
      a: "waiting",
      b: "blocked",
      c: "blocked",
      always: "blocked",
      alarm: "blocked",
    });
  });

  it("goes on from success to success", () => {
    const graph = new Graph(chain).set({ a: "success" });
    expect(graph.view).toMatchObject({ b: "waiting", c: "blocked" });
    expect(graph.set({ b: "success" }).view).toMatchObject({ c: "waiting", always: "waiting" });
    expect(graph.set({ c: "success" }).view).toMatchObject({ alarm: "skipped" });
  });

  it("skips in a cascade after a failure, and runs what asks for it", () => {
    expect(new Graph(chain).set({ a: "failure" }).view).toEqual({
      a: "failure",
      b: "skipped",
      c: "skipped",
      always: "waiting",
      alarm: "waiting",
    });
  });

  it("lets dependants run after a failure that may happen", () => {
    const graph = new Graph(`  a:\n    continue-on-error: true\n${steps}  b:\n    needs: a\n${steps}`).set({
      a: "failure",
    });
    expect(graph.view["b"]).toBe("waiting");
    expect(deriveRunStatus(graph.set({ b: "success" }).jobs)).toBe("success");
  });

  it("fails a job alone whose condition cannot be evaluated", () => {
    const graph = new Graph(
      `  a:\n${steps}  b:\n    needs: a\n    if: fromJSON(needs.a.outputs.flag)\n${steps}  c:\n    needs: a\n${steps}`,
    );
    graph.set({ a: "success" }, { outputs: { flag: "{" } });
    expect(graph.view).toEqual({ a: "success", b: "failure", c: "waiting" });
    expect(graph.jobs.find((job) => job.name === "b")?.message).toMatch(/\S/);
  });
});

describe("matrices", () => {
  const matrix = (more = "") =>
    `  m:\n    strategy:\n${more}      matrix: { x: [1, 2, 3] }\n${steps}  after:\n    needs: m\n${steps}`;

  it("ends the other legs when one fails, those that run by their runner", () => {
    const graph = new Graph(matrix()).set({ "m (1)": "running", "m (2)": "failure" });
    expect(graph.view).toEqual({ "m (1)": "running", "m (2)": "failure", "m (3)": "cancelled", after: "blocked" });
    expect(graph.cancelled).toContain("m (1)");
    expect(graph.jobs.find((job) => job.name === "m (3)")).toMatchObject({
      cause: "failed",
      message: expect.stringContaining("fail-fast"),
    });
    expect(graph.set({ "m (1)": "cancelled" }).view["after"]).toBe("skipped");
    expect(deriveRunStatus(graph.jobs)).toBe("failure");
  });

  it("lets them go on without fail-fast", () => {
    const graph = new Graph(matrix("      fail-fast: false\n")).set({ "m (2)": "failure" });
    expect(graph.view).toMatchObject({ "m (1)": "waiting", "m (3)": "waiting", after: "blocked" });
    expect(graph.cancelled).toEqual([]);
  });

  it("holds back what max-parallel does not admit", () => {
    const graph = new Graph(matrix("      max-parallel: 2\n"));
    expect(graph.view).toMatchObject({ "m (1)": "waiting", "m (2)": "waiting", "m (3)": "blocked" });
    expect(graph.set({ "m (1)": "running" }).view["m (3)"]).toBe("blocked");
    expect(graph.set({ "m (1)": "success" }).view["m (3)"]).toBe("waiting");
  });

  it("expands over needs when they are done, and fails alone when it cannot", () => {
    const dynamic = `  a:\n${steps}  m:\n    needs: a\n    strategy:\n      matrix:\n        x: \${{ fromJSON(needs.a.outputs.list) }}\n${steps}  z:\n    needs: m\n    if: always()\n${steps}`;
    const graph = new Graph(dynamic);
    expect(graph.view).toEqual({ a: "waiting", m: "blocked", z: "blocked" });
    graph.set({ a: "success" }, { outputs: { list: "[5, 6]" } });
    expect(graph.view).toEqual({ a: "success", "m (5)": "waiting", "m (6)": "waiting", z: "blocked" });
    const broken = new Graph(dynamic).set({ a: "success" }, { outputs: { list: "[]" } });
    expect(broken.view).toEqual({ a: "success", m: "failure", z: "waiting" });
    const large = (count: number) => JSON.stringify(Array.from({ length: count }, (_, n) => n));
    expect(new Graph(dynamic).set({ a: "success" }, { outputs: { list: large(254) } }).jobs).toHaveLength(256);
    const many = new Graph(dynamic).set({ a: "success" }, { outputs: { list: large(255) } });
    expect(many.view).toEqual({ a: "success", m: "failure", z: "waiting" });
    expect(many.jobs[1]?.message).toBe("the run would have more than 256 jobs; make the matrix smaller");
  });
});

describe("cancelling a run", () => {
  it("ends what waits, hands back what runs, and keeps what runs after a cancel", () => {
    const graph = new Graph(
      `  a:\n${steps}  w:\n${steps}  b:\n    needs: a\n${steps}  clean:\n    needs: a\n    if: always()\n${steps}`,
    );
    graph.set({ a: "running" });
    const plan = cancelGraph(graph.state);
    expect(plan.running.map((job) => job.name)).toEqual(["a"]);
    expect(plan.ended.map((job) => job.name)).toEqual(["w", "b"]);
    graph.jobs = graph.jobs.map((job) => plan.ended.find((one) => one.id === job.id) ?? job);
    graph.set({ a: "cancelled" }, { cause: "cancelled" });
    expect(graph.view).toEqual({ a: "cancelled", w: "cancelled", b: "cancelled", clean: "waiting" });
    expect(cancelGraph(graph.state).ended.map((job) => job.name)).toEqual(["clean"]);
  });
});

describe("running again", () => {
  it("takes all, or what did not succeed with all that needs it", () => {
    const graph = new Graph(`  a:\n${steps}  b:\n${steps}  c:\n    needs: b\n${steps}`).set({
      a: "success",
      b: "failure",
    });
    const names = (which: "all" | "failed") =>
      rerunGraph(graph.tree, graph.jobs, which, 2, 5).reset.map((job) => [job.name, job.status, job.attempt]);
    expect(names("failed")).toEqual([
      ["b", "blocked", 2],
      ["c", "blocked", 2],
    ]);
    expect(names("all")).toHaveLength(3);
  });
});

describe("deriveRunStatus", () => {
  it.each<[JobStatus[], string]>([
    [["blocked"], "blocked"],
    [["waiting", "blocked"], "waiting"],
    [["running", "waiting"], "running"],
    [["cancelling"], "running"],
    [["success", "waiting"], "running"],
    [["skipped", "waiting"], "waiting"],
    [["success", "skipped"], "success"],
    [["success", "failure", "cancelled"], "failure"],
    [["success", "cancelled"], "cancelled"],
    [["skipped", "skipped"], "skipped"],
    [[], "skipped"],
  ])("%j is %s", (statuses, expected) => {
    const status = deriveRunStatus(
      statuses.map((one) => ({ key: "a", leg: null, status: one, continueOnError: false })),
    );
    expect(status).toBe(expected);
    expect(isConclusion(status)).toBe(statuses.every((one) => isConclusion(one)));
  });
});
