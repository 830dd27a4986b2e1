import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KillReason } from "../../src/executors/executor.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import type { ActionSource } from "../../src/runner/actions/action-source.ts";
import type { Annotation, JobEvent, Outcome } from "../../src/runner/engine/job-event.ts";
import type { JobRequest } from "../../src/runner/engine/job-request.ts";
import { runJob } from "../../src/runner/engine/run-job.ts";
import { parseWorkflow } from "../../src/workflow/parse-workflow.ts";
import { openHostExecutor } from "./open-host-executor.ts";

/** What became of a job. */
export interface HostJobResult {
  readonly result: Outcome;
  readonly events: readonly JobEvent[];
  /** All rows. */
  readonly lines: readonly string[];
  /** Rows of one step. */
  stepLines(step: number | null): string[];
  /** `outcome/conclusion` of the steps. */
  readonly steps: readonly string[];
  readonly annotations: readonly Annotation[];
}

/** How it is run. */
export interface HostJobOptions extends Partial<JobRequest> {
  readonly source?: ActionSource;
  /** Told every row; a result of `cancel` cancels the job. */
  readonly onLine?: (text: string) => "cancel" | undefined;
}

/** Runs a workflow's first job on this machine, with the real executor, in folders that are removed afterwards. */
export async function runHostJob(workflow: string, options: HostJobOptions = {}): Promise<HostJobResult> {
  const { source, onLine, ...request } = options;
  const parsed = parseWorkflow(workflow);
  const job = [...(parsed.workflow?.jobs.values() ?? [])][0];
  if (parsed.workflow === undefined || job === undefined) {
    throw new Error(parsed.diagnostics.map(({ message }) => message).join("\n"));
  }
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "host-job-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const executor = await openHostExecutor(folder);
  const events: JobEvent[] = [];
  const stop = new AbortController();
  const result = await runJob(
    { ...defaultRequest, workflow: parsed.workflow, job, ...request },
    {
      executor,
      ...(source === undefined ? {} : { actions: source }),
      emit: (event) => {
        events.push(event);
        if (event.type === "line" && onLine?.(event.text) === "cancel") stop.abort("cancelled" satisfies KillReason);
      },
      clock: systemClock,
      ids: systemIds,
      logger: silentLogger,
      cancelGraceMs: 10_000,
      signal: stop.signal,
    },
  );
  const rows = events.flatMap((event) => (event.type === "line" ? [event] : []));
  return {
    result,
    events,
    lines: rows.map(({ text }) => text),
    stepLines: (step) => rows.filter((row) => row.step === step).map(({ text }) => text),
    steps: events.flatMap((event) => (event.type === "step-finished" ? [`${event.outcome}/${event.conclusion}`] : [])),
    annotations: events.flatMap((event) => (event.type === "annotation" ? [event.annotation] : [])),
  };
}

const defaultRequest: Omit<JobRequest, "workflow" | "job"> = {
  id: "job-1",
  conditionDecided: true,
  github: {
    repository: "octo/repo",
    actor: "octocat",
    sha: "abc",
    server_url: "http://127.0.0.1:9",
    token: "job-token",
  },
  inputs: {},
  vars: {},
  secrets: { PASSWORD: "hunter2" },
  needs: new Map(),
  matrix: {},
  strategy: {},
  lowEnv: {},
  fixedEnv: {},
  runner: { name: "one", version: "9", debug: false, arch: "X64" },
  masks: [],
  timeoutMs: 60_000,
};

/** A workflow with one job and these steps, each line indented by six blanks. */
export function jobOf(steps: string, rest = ""): string {
  return `on: push\njobs:\n  one:\n    runs-on: x\n${rest}    steps:\n${steps}`;
}
