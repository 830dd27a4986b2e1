import { describe, expect, it } from "vitest";
import type { JobSpec, KillReason, StepSpec } from "../../../src/executors/executor.ts";
import { type FakeAnswer, FakeExecutor, type FakeExecutorOptions } from "../../../src/executors/fake/fake-executor.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { AppError } from "../../../src/lib/errors.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { JobEvent } from "../../../src/runner/engine/job-event.ts";
import type { JobRequest } from "../../../src/runner/engine/job-request.ts";
import { runJob } from "../../../src/runner/engine/run-job.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { eventually } from "../../support/eventually.ts";

type Files = (name: string, content: string) => Promise<void>;
type Script = (script: string, step: StepSpec, write: Files, job: JobSpec) => FakeAnswer | undefined;

interface Run {
  readonly events: JobEvent[];
  readonly executor: FakeExecutor;
  readonly stop: AbortController;
  readonly result: Promise<string>;
  lines(step: number | null): string[];
  /** `outcome/conclusion` of the steps, in their order. */
  steps(): string[];
}

/** Runs a job; `script` answers for each step by the text of its script. */
function start(
  workflow: string,
  script: Script = () => undefined,
  more: Partial<JobRequest> = {},
  knobs: Omit<FakeExecutorOptions, "answer"> = {},
): Run {
  const parsed = parseWorkflow(workflow);
  expect(parsed.diagnostics.filter((diagnostic) => diagnostic.severity === "error")).toEqual([]);
  const job = [...(parsed.workflow?.jobs.values() ?? [])][0];
  if (parsed.workflow === undefined || job === undefined) throw new Error("no job");
  const events: JobEvent[] = [];
  const executor = new FakeExecutor({
    baseEnv: { PATH: "/usr/bin" },
    ...knobs,
    answer: (step, _, spec): FakeAnswer => {
      const environment = executor.environments.at(-1);
      const path = step.argv.find((word) => environment?.files.has(word)) ?? "";
      const text = environment?.files.get(path)?.toString() ?? "";
      const write: Files = async (name, content) => environment?.writeFile(step.env[name] ?? "", content);
      return script(text.trim(), step, write, spec) ?? {};
    },
  });
  const stop = new AbortController();
  const request: JobRequest = {
    id: "job-1",
    workflow: parsed.workflow,
    job,
    conditionDecided: false,
    github: {
      repository: "octo/repo",
      sha: "abc",
      token: "t0ken-of-the-task",
      event: { action: "opened" },
      run_id: "41",
    },
    inputs: {},
    vars: { REGION: "eu" },
    secrets: { GITHUB_TOKEN: "t0ken-of-the-task", PASSWORD: "hunter2" },
    needs: new Map(),
    matrix: {},
    strategy: {},
    lowEnv: { LOW: "low" },
    fixedEnv: { GITEA_ACTIONS: "true" },
    runner: { name: "one", version: "9", debug: false, arch: "X64" },
    masks: [],
    timeoutMs: 60_000,
    ...more,
  };
  const result = runJob(request, {
    executor,
    emit: (event) => void events.push(event),
    clock: systemClock,
    ids: systemIds,
    logger: silentLogger,
    cancelGraceMs: 300,
    signal: stop.signal,
  });
  return {
    events,
    executor,
    stop,
    result,
    lines: (step) => events.flatMap((event) => (event.type === "line" && event.step === step ? [event.text] : [])),
    steps: () =>
      events.flatMap((event) => (event.type === "step-finished" ? [`${event.outcome}/${event.conclusion}`] : [])),
  };
}

const job = (steps: string, rest = "") => `on: push\njobs:\n  one:\n    runs-on: x\n${rest}    steps:\n${steps}`;

describe("runJob", () => {
  it("runs steps in order and tells everything", async () => {
    const run = start(job("      - run: echo a\n      - name: Second\n        run: echo b\n"), (script) => ({
      lines: [`out of ${script}`],
    }));
    expect(await run.result).toBe("success");
    expect(run.steps()).toEqual(["success/success", "success/success"]);
    expect(run.lines(0)).toEqual([
      "##[group]Run echo a",
      "echo a",
      "shell: bash -e {0}",
      "##[endgroup]",
      "out of echo a",
    ]);
    expect(run.events.flatMap((event) => (event.type === "step-started" ? [event.name] : []))).toEqual([
      "Run echo a",
      "Second",
    ]);
    expect(run.events.at(-1)).toMatchObject({ type: "job-finished", result: "success" });
    expect(run.lines(null)).toContain("##[group]Set up job");
    expect(run.executor.live).toEqual([]);
  });

  it("skips after a failure, but for conditions that hold; continue-on-error keeps the job green", async () => {
    const red = start(
      job(
        "      - run: bad\n      - run: next\n      - run: cleanup\n        if: always()\n      - run: report\n        if: ${{ failure() && steps.x.outcome != 'success' }}\n",
      ),
      (script) => (script === "bad" ? { code: 3 } : {}),
    );
    expect(await red.result).toBe("failure");
    expect(red.steps()).toEqual(["failure/failure", "skipped/skipped", "success/success", "success/success"]);
    expect(red.lines(0).at(-1)).toBe("##[error]Process completed with exit code 3.");

    const green = start(
      job(
        "      - id: bad\n        run: bad\n        continue-on-error: true\n      - run: next\n        if: steps.bad.outcome == 'failure' && steps.bad.conclusion == 'success'\n",
      ),
      (script) => (script === "bad" ? { code: 3 } : {}),
    );
    expect(await green.result).toBe("success");
    expect(green.steps()).toEqual(["failure/success", "success/success"]);
  });

  it("gives steps their environment, the weaker below the stronger", async () => {
    const seen: Record<string, string>[] = [];
    const run = start(
      `on: push\nenv:\n  A: workflow\n  B: workflow\n  C: workflow\njobs:\n  one:\n    runs-on: x\n    env:\n      B: job\n      C: job\n      W: \${{ github.workspace }}\n      S: \${{ secrets.PASSWORD }}\n    steps:\n      - run: one\n        env:\n          C: \${{ env.B }}-step\n          GITHUB_SHA: mine\n      - run: two\n`,
      (_, step, write) => {
        seen.push(step.env);
        return {
          effect: async () =>
            write("GITHUB_ENV", "B=written\nNODE_OPTIONS=x\n").then(() => write("GITHUB_PATH", "/tools\n")),
        };
      },
    );
    expect(await run.result).toBe("success");
    expect(seen[0]).toMatchObject({
      LOW: "low",
      A: "workflow",
      B: "job",
      C: "job-step",
      CI: "true",
      GITHUB_SHA: "abc",
      S: "hunter2",
      GITHUB_ACTIONS: "true",
      RUNNER_ARCH: "X64",
      GITEA_ACTIONS: "true",
    });
    expect(seen[0]?.["W"]).toBe(run.executor.environments[0]?.paths.workspace);
    expect(seen[0]).not.toHaveProperty("PATH");
    expect(seen[0]).not.toHaveProperty("GITHUB_TOKEN");
    expect(seen[1]).toMatchObject({ B: "written", C: "job", PATH: "/tools:/usr/bin" });
    expect(seen[1]).not.toHaveProperty("NODE_OPTIONS");
    expect(seen[0]?.["GITHUB_OUTPUT"]).not.toBe(seen[1]?.["GITHUB_OUTPUT"]);
    expect(run.lines(0).some((line) => line.includes("NODE_OPTIONS"))).toBe(true);
  });

  it("hands outputs on, by file and by command, and puts out the job's", async () => {
    const run = start(
      job(
        "      - id: a\n        run: a\n      - id: b\n        run: b ${{ steps.a.outputs.x }} ${{ steps.a.outputs.y }}\n",
        "    outputs:\n      sum: ${{ steps.b.outputs.sum }}\n      none: ${{ steps.b.outputs.none }}\n      secret: x ${{ secrets.PASSWORD }}\n",
      ),
      (script, _, write) =>
        script === "a"
          ? { effect: () => write("GITHUB_OUTPUT", "x<<E\n1\n2\nE\n"), lines: ["::set-output name=y::3"] }
          : { effect: () => write("GITHUB_OUTPUT", `sum=${script.replaceAll("\n", "+")}\n`) },
    );
    expect(await run.result).toBe("success");
    expect(run.events.filter((event) => event.type === "output")).toEqual([
      { type: "output", name: "sum", value: "b 1+2 3" },
    ]);
    expect(run.lines(null).join("\n")).toContain("Skip output 'secret'");
  });

  it("masks secrets, and what the job masks, from that line on", async () => {
    const run = start(job("      - run: echo ${{ secrets.PASSWORD }}\n      - run: more\n"), (script) =>
      script === "more"
        ? { lines: ["later", "::add-mask::later", "and later", Buffer.from("x:hunter2").toString("base64")] }
        : {},
    );
    await run.result;
    expect(run.lines(0).slice(0, 2)).toEqual(["##[group]Run echo ***", "echo ***"]);
    expect(run.lines(1).slice(-3)[0]).toBe("later");
    expect(run.lines(1).slice(-2)).toEqual(["and ***", expect.stringContaining("***")]);
    expect(JSON.stringify(run.events)).not.toContain("hunter2");
  });

  it.each([
    [
      "a malformed file",
      (write: Files): FakeAnswer => ({ effect: () => write("GITHUB_ENV", "nothing\n") }),
      "file command 'env'",
    ],
    ["a refused command", (): FakeAnswer => ({ lines: ["::set-env name=A::b"] }), "set-env"],
    [
      "a program that is missing",
      (): FakeAnswer => ({ notStarted: new AppError("not_found", "bash is gone") }),
      "bash is gone",
    ],
  ])("%s fails the step", async (_, answer, words) => {
    const run = start(job("      - run: x\n"), (__, ___, write) => answer(write));
    expect(await run.result).toBe("failure");
    expect(run.lines(0).join("\n")).toContain(words);
  });

  it.each([
    ["a wrong condition", "      - run: x\n        if: fromJSON('{')\n      - run: y\n        if: always()\n"],
    [
      "a wrong expression in env",
      "      - run: x\n        env:\n          A: ${{ fromJSON('{') }}\n      - run: y\n        if: always()\n",
    ],
    ["an unknown shell", "      - run: x\n        shell: fish\n      - run: y\n        if: always()\n"],
  ])("%s fails its step alone", async (_, steps) => {
    const run = start(job(steps));
    expect(await run.result).toBe("failure");
    expect(run.steps()).toEqual(["failure/failure", "success/success"]);
    expect(run.lines(0).some((line) => line.startsWith("##[error]"))).toBe(true);
  });

  it("uses the defaults for shell and folder", async () => {
    const seen: StepSpec[] = [];
    const run = start(
      job(
        "      - run: a\n      - run: b\n        shell: sh\n        working-directory: /abs\n",
        "    defaults:\n      run:\n        shell: bash\n        working-directory: sub\n",
      ),
      (_, step) => {
        seen.push(step);
        return {};
      },
    );
    await run.result;
    const workspace = run.executor.environments[0]?.paths.workspace ?? "";
    expect(seen.map((step) => [step.argv[0], step.cwd])).toEqual([
      ["bash", `${workspace}/sub`],
      ["sh", "/abs"],
    ]);
    expect(seen[0]?.argv).toContain("pipefail");
  });

  it("a cancel ends the running step and runs what asks for it", async () => {
    const run = start(
      job(
        "      - run: sleep\n      - run: next\n      - run: a\n        if: always()\n      - run: c\n        if: cancelled()\n      - run: f\n        if: failure()\n",
      ),
      (script) => (script === "sleep" ? { untilSignal: true } : {}),
    );
    await eventually("the step", () => run.executor.environments[0]?.steps.length === 1);
    run.stop.abort("cancelled" satisfies KillReason);
    expect(await run.result).toBe("cancelled");
    expect(run.steps()).toEqual([
      "cancelled/cancelled",
      "skipped/skipped",
      "success/success",
      "success/success",
      "skipped/skipped",
    ]);
  });

  it("a step whose condition still holds goes on over a cancel, until the grace period ends", async () => {
    const goesOn = start(job("      - run: sleep\n        if: always()\n"), () => ({ delayMs: 50 }));
    await eventually("the step", () => goesOn.executor.environments[0]?.steps.length === 1);
    goesOn.stop.abort("cancelled" satisfies KillReason);
    expect(await goesOn.result).toBe("cancelled");
    expect(goesOn.steps()).toEqual(["success/success"]);

    const hangs = start(
      job("      - run: sleep\n        if: always()\n      - run: after\n        if: always()\n"),
      () => ({ untilSignal: true }),
    );
    await eventually("the step", () => hangs.executor.environments[0]?.steps.length === 1);
    hangs.stop.abort("cancelled" satisfies KillReason);
    expect(await hangs.result).toBe("cancelled");
    expect(hangs.steps()).toEqual(["cancelled/cancelled", "cancelled/cancelled"]);
  });

  it("a cancel during the set-up cancels the job", async () => {
    const gate = Promise.withResolvers<void>();
    const run = start(job("      - run: x\n"), undefined, {}, { prepare: () => gate.promise });
    run.stop.abort("cancelled" satisfies KillReason);
    gate.resolve();
    expect(await run.result).toBe("cancelled");
    expect(run.executor.environments).toEqual([]);
  });

  it("a step's limit fails the step, the job's limit fails the job", async () => {
    const step = start(
      job("      - run: sleep\n        timeout-minutes: 0.001\n      - run: next\n        if: failure()\n"),
      (script) => (script === "sleep" ? { untilSignal: true } : {}),
    );
    expect(await step.result).toBe("failure");
    expect(step.steps()).toEqual(["failure/failure", "success/success"]);
    expect(step.lines(0).at(-1)).toContain("timed out after 0.001 minutes");

    const whole = start(
      job("      - run: sleep\n      - run: a\n        if: always()\n", "    timeout-minutes: 0.001\n"),
      (script) => (script === "sleep" ? { untilSignal: true } : {}),
    );
    expect(await whole.result).toBe("failure");
    expect(whole.steps()).toEqual(["cancelled/cancelled", "success/success"]);
    expect(whole.lines(null).join("\n")).toContain("time limit");
  });

  it("an environment that cannot be made fails the job with its sentence", async () => {
    const run = start(
      job("      - run: x\n"),
      undefined,
      {},
      {
        prepare: () => {
          throw new AppError("unavailable", "the disk is full: make room");
        },
      },
    );
    expect(await run.result).toBe("failure");
    expect(run.lines(null)).toContain("##[error]the disk is full: make room");
  });

  it("decides the job's own condition from its needs, unless it has been decided", async () => {
    const workflow = job("      - run: x\n", "    needs: [zero]\n").replace("jobs:\n", "jobs:\n");
    const needs = new Map([["zero", { result: "failure" as const, outputs: {} }]]);
    const withoutNeeds = workflow.replace("    needs: [zero]\n", "");
    expect(await start(withoutNeeds, undefined, { needs }).result).toBe("skipped");
    expect(await start(withoutNeeds, undefined, { needs, conditionDecided: true }).result).toBe("success");
  });

  it("refuses a job that asks for containers where there are none", async () => {
    const run = start(job("      - run: x\n", "    container: node:22\n    services: {db: {image: mariadb}}\n"));
    expect(await run.result).toBe("failure");
    expect(run.lines(null).join("\n")).toContain("asks for container and services");
    expect(run.executor.environments).toEqual([]);
  });

  it("hashes files of the workspace in any expression", async () => {
    const scripts: string[] = [];
    const run = start(job("      - run: key-${{ hashFiles('**/none') }}-${{ github.action }}\n"), (script) => {
      scripts.push(script);
      return {};
    });
    expect(await run.result).toBe("success");
    expect(scripts).toEqual(["key--__run_1"]);
  });

  it("gives matrix, needs, vars, inputs and event to expressions", async () => {
    const scripts: string[] = [];
    const run = start(
      job(
        "      - run: ${{ matrix.os }} ${{ needs.zero.outputs.v }} ${{ vars.region }} ${{ inputs.x }} ${{ github.event.action }} ${{ runner.os }} ${{ job.status }} ${{ gitea.repository }}\n",
      ),
      (script) => {
        scripts.push(script);
        return {};
      },
      {
        matrix: { os: "debian" },
        needs: new Map([["zero", { result: "success", outputs: { v: "7" } }]]),
        inputs: { x: true },
      },
    );
    expect(await run.result).toBe("success");
    expect(scripts).toEqual(["debian 7 eu true opened Linux success octo/repo"]);
  });
});
