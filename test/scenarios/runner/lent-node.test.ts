import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { runJob } from "../../../src/runner/engine/run-job.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { actionHost } from "../../support/action-host.ts";
import { testEngine } from "../../support/engines.ts";
import { containerSubject } from "../../support/executor-container-subject.ts";
import { nextJobId } from "../../support/executor-subject.ts";
import { gitRepository } from "../../support/git-repository.ts";

const WORKFLOW = "on: push\njobs:\n  one:\n    runs-on: x\n    steps:\n      - uses: octo/tells@main\n";
/** What a program needs that was built for this machine's C library. */
const LIBRARIES = ["/lib", "/lib64", "/usr/lib"].map((source) => ({ source, target: source, readOnly: true }));

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  const why = "missing" in found ? ` (skipped: ${found.missing})` : "";
  describe.skipIf(why !== "")(`JavaScript actions in images without Node, by ${name}${why}`, () => {
    it.each([
      ["run on the runner's own where the C library fits", LIBRARIES, "success"],
      ["say what is missing where it does not", [], "failure"],
    ])("%s", async (_name, mounts, expected) => {
      if ("missing" in found) return;
      await using stack = new AsyncDisposableStack();
      const subject = stack.use(await containerSubject(found.engine, { mounts, node: process.execPath }));
      const actions = stack.use(await actionHost());
      const repository = stack.use(await gitRepository());
      const script = "console.log('node', process.version, process.execPath, process.env.HOME);";
      await repository.commit({ "action.yml": "runs: { using: node20, main: main.js }\n", "main.js": script });
      await actions.add("tells", repository);
      const { workflow } = parseWorkflow(WORKFLOW);
      const job = workflow?.jobs.get("one");
      if (workflow === undefined || job === undefined) throw new Error("the workflow is wrong");
      const rows: string[] = [];
      const result = await runJob(
        {
          ...{ id: nextJobId(), workflow, job, conditionDecided: true, github: { repository: "o/r" }, inputs: {} },
          ...{ vars: {}, secrets: {}, needs: new Map(), matrix: {}, strategy: {}, lowEnv: {} },
          ...{ fixedEnv: {}, runner: { name: "one", version: "9", debug: false, arch: "X64" }, masks: [] },
          timeoutMs: 60_000,
        },
        {
          ...{ executor: subject.executor, actions: actions.source(), clock: systemClock, ids: systemIds },
          logger: silentLogger,
          emit: (event) => void (event.type === "line" && rows.push(event.text)),
          signal: new AbortController().signal,
        },
      );
      const said =
        expected === "success"
          ? `node ${process.version} /__e/node24/bin/node /github/home`
          : "##[error]the action 'octo/tells@main' needs Node: the runner's does not run in this image, and there is no 'node' on the PATH of the job; use an image that has it";
      expect([result, rows.includes(said) ? said : rows.join("\n")]).toEqual([expected, said]);
      expect(await subject.leftovers()).toEqual([]);
    });
  });
}
