import { describe, expect, it } from "vitest";
import type { Job, JobStatus } from "../../../../src/server/domain/run.ts";
import { cancelGraph } from "../../../../src/server/services/cancel-graph.ts";
import { planJobs } from "../../../../src/server/services/plan-jobs.ts";
import { rerunGraph } from "../../../../src/server/services/rerun-graph.ts";
import { deriveRunStatus } from "../../../../src/server/services/run-status-update.ts";
import { settleGraph } from "../../../../src/server/services/settle-graph.ts";
import { ExprObject } from "../../../../src/workflow/expressions/value.ts";
import { linkCalls } from "../../../../src/workflow/link-calls.ts";
import { parseWorkflow } from "../../../../src/workflow/parse-workflow.ts";

const contexts = { github: new ExprObject(), inputs: new ExprObject(), vars: new ExprObject() };
const steps = "    runs-on: linux\n    steps: [{ run: echo }]\n";

/** A run that is played without a database; `files` by their names. */
function play(jobs: string, files: Readonly<Record<string, string>>) {
  const { workflow } = parseWorkflow(`on: push\njobs:\n${jobs}`);
  if (workflow === undefined) throw new Error("the workflow is wrong");
  const called = Object.entries(files).map(([name, text]) => [name, parseWorkflow(text)] as const);
  const { tree, diagnostics } = linkCalls(workflow, new Map(called));
  if (tree === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const place = { runId: 1, repositoryId: 1, ownerId: 1 };
  let ids = 0;
  let rows: Job[] = planJobs(tree, contexts, 1, 0).jobs.map((job) => ({ ...job, ...place, id: ++ids }));
  const state = () => ({ tree, jobs: rows, contexts, now: 5 });
  const take = (changed: readonly Job[], added: readonly Omit<Job, "id">[] = []) => {
    rows = rows.map((job) => changed.find(({ id }) => id === job.id) ?? job);
    rows.push(...added.map((job) => ({ ...job, id: ++ids })));
  };
  const settle = () => {
    const settlement = settleGraph(state());
    take(settlement.changed, settlement.added);
    const again = settleGraph(state());
    expect([again.changed, again.added]).toEqual([[], []]);
    return settlement.cancel.map((job) => job.name);
  };
  return {
    settle,
    take,
    state,
    get rows() {
      return rows;
    },
    set(states: Readonly<Record<string, JobStatus>>, more: Partial<Job> = {}) {
      take(
        rows.flatMap((job) => (states[job.name] ? [{ ...job, status: states[job.name] as JobStatus, ...more }] : [])),
      );
      return settle();
    },
    get view() {
      return Object.fromEntries(rows.map((job) => [job.name, job.status]));
    },
    named: (name: string) => rows.find((job) => job.name === name),
    rerun: (which: "all" | "failed") => rerunGraph(tree, rows, which, 2, 9),
  };
}

const CALLED = {
  "./.gitea/workflows/c.yml": `on:
  workflow_call:
    inputs: { n: { type: number } }
    outputs: { o: { value: "\${{ jobs.x.outputs.v }}-\${{ inputs.n }}" } }
jobs:
  x:
${steps}  y:
    needs: x
${steps}  z:
    needs: x
    if: always()
${steps}`,
};
const CALL = "    uses: ./.gitea/workflows/c.yml\n";

describe("called jobs", () => {
  it("begin with their caller, and end it with their combined result and outputs", () => {
    const run = play(
      `  a:\n${steps}  b:\n    needs: a\n${CALL}    with: { n: 3 }\n  d:\n    needs: b\n${steps}`,
      CALLED,
    );
    expect(run.view).toEqual({ a: "waiting", b: "blocked", d: "blocked" });
    run.set({ a: "success" });
    expect(run.view).toEqual({
      a: "success",
      b: "running",
      d: "blocked",
      "b / x": "waiting",
      "b / y": "blocked",
      "b / z": "blocked",
    });
    expect(run.rows.map(({ key }) => key)).toEqual(["a", "b", "d", "b/x", "b/y", "b/z"]);
    expect(deriveRunStatus(run.rows.filter(({ key }) => key !== "a"))).toBe("waiting");
    run.set({ "b / x": "success" }, { outputs: { v: "out" } });
    run.set({ "b / y": "failure", "b / z": "success" });
    expect(run.named("b")).toMatchObject({ status: "failure", cause: "failed", outputs: { o: "out-3" } });
    expect(run.view).toMatchObject({ d: "skipped" });
    expect(deriveRunStatus(run.rows)).toBe("failure");
  });

  it("fail their caller when its inputs are wrong", () => {
    const run = play(`  b:\n${CALL}    with: { n: "\${{ github.ref || 'many' }}" }\n`, CALLED);
    expect(run.rows).toHaveLength(1);
    expect(run.named("b")?.message).toBe(
      "the workflow ./.gitea/workflows/c.yml cannot be called: Unexpected value 'many': input n takes a number",
    );
  });

  it("of a matrix stand apart, and fail-fast ends those of the other legs", () => {
    const run = play(`  b:\n    strategy: { matrix: { v: [1, 2] } }\n${CALL}`, CALLED);
    expect(run.rows.map(({ key }) => key)).toEqual(["b", "b", "b.0/x", "b.0/y", "b.0/z", "b.1/x", "b.1/y", "b.1/z"]);
    run.set({ "b (1) / x": "failure", "b (2) / x": "running" });
    expect(run.set({ "b (1) / z": "success" })).toEqual(["b (2) / x"]);
    expect(run.view).toMatchObject({
      "b (1)": "failure",
      "b (2)": "running",
      "b (2) / y": "cancelled",
      "b (2) / z": "cancelled",
    });
    run.set({ "b (2) / x": "cancelled" }, { cause: "failed" });
    expect(run.view).toMatchObject({ "b (2)": "cancelled" });
  });

  it("of a large matrix are counted together", () => {
    const legs = `[${Array.from({ length: 100 }, (_, n) => n).join(", ")}]`;
    const run = play(`  b:\n    strategy: { fail-fast: false, matrix: { v: ${legs} } }\n${CALL}`, CALLED);
    expect(run.rows).toHaveLength(256);
    expect(run.rows.filter(({ status }) => status === "failure")).toHaveLength(48);
    expect(run.named("b (99)")?.message).toContain("the run would have more than 256 jobs; call fewer workflows");
  });

  it("are cancelled with the run, but for those that run after a cancel", () => {
    const run = play(`  b:\n${CALL}`, CALLED);
    run.set({ "b / x": "running" });
    const plan = cancelGraph(run.state());
    expect([plan.ended.map(({ name }) => name), plan.running.map(({ name }) => name)]).toEqual([["b / y"], ["b / x"]]);
    run.take(plan.ended);
    run.set({ "b / x": "cancelled" }, { cause: "cancelled" });
    expect(run.view).toMatchObject({ b: "running", "b / z": "waiting" });
    run.set({ "b / z": "success" });
    expect(run.named("b")).toMatchObject({ status: "cancelled", cause: "cancelled" });
  });

  it("that failed are run again alone; a call that begins anew makes its jobs anew", () => {
    const run = play(`  a:\n${steps}  b:\n    needs: a\n${CALL}  d:\n    needs: b\n${CALL}`, CALLED);
    run.set({ a: "success" });
    run.set({ "b / x": "success" });
    run.set({ "b / y": "failure", "b / z": "success" });
    const { reset, removed } = run.rerun("failed");
    expect(removed).toEqual([]);
    expect(reset.map(({ name, status, attempt }) => [name, status, attempt])).toEqual([
      ["b", "running", 2],
      ["d", "blocked", 2],
      ["b / y", "blocked", 2],
    ]);
    run.take(reset);
    run.settle();
    run.set({ "b / y": "success" });
    expect(run.view).toMatchObject({ b: "success", d: "running", "d / x": "waiting" });
    const all = run.rerun("all");
    expect(all.removed).toHaveLength(6);
    expect(all.reset.map(({ name, status }) => [name, status])).toEqual([
      ["a", "blocked"],
      ["b", "blocked"],
      ["d", "blocked"],
    ]);
  });
});
