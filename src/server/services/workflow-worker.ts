import { parentPort } from "node:worker_threads";
import { AppError } from "../../lib/errors.ts";
import { serveAsks } from "../../lib/serve-asks.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import { type JobPayloads, openPayloads } from "../../workflow/job-payload.ts";
import { linkCalls, type WorkflowTree } from "../../workflow/link-calls.ts";
import { parseWorkflow } from "../../workflow/parse-workflow.ts";
import type { CalledSource } from "../domain/run.ts";
import { BoundedMap } from "./bounded-map.ts";
import { planJobs } from "./plan-jobs.ts";
import type { ReadWorkflow, WorkflowAnswer, WorkflowAsk } from "./workflow-calls.ts";

/** Files that are kept parsed: all jobs of a run, and most runs of a busy repository, have the same. */
const KEPT = 64;
/** Larger files are parsed each time, so that those of one owner cannot fill the memory. */
const LARGEST_KEPT = 64 * 1024;

const read = new BoundedMap<string, ReadWorkflow>(KEPT);
const payloads = new BoundedMap<string, JobPayloads>(KEPT);
/** The last large one, since its jobs are asked for one after the other. */
const large = { read: new BoundedMap<string, ReadWorkflow>(1), payloads: new BoundedMap<string, JobPayloads>(1) };

serveAsks(parentPort, answer);

function answer(ask: WorkflowAsk): WorkflowAnswer {
  const { source } = ask;
  const small = source.length <= LARGEST_KEPT;
  switch (ask.kind) {
    case "read":
      return kept(small ? read : large.read, source, parseWorkflow);
    case "plan": {
      const { github, inputs, vars, attempt, now } = ask.facts;
      const contexts = { github: fromJson(github), inputs: fromJson(inputs), vars: fromJson(vars) };
      return planJobs(treeOf(source, ask.called), contexts, attempt, now);
    }
    case "payload":
      return kept(small ? payloads : large.payloads, source, openPayloads).of(ask.jobId, ask.leg, ask.workflowName);
  }
}

function treeOf(source: string, called: readonly CalledSource[]): WorkflowTree {
  const parsed = (text: string) => kept(text.length <= LARGEST_KEPT ? read : large.read, text, parseWorkflow);
  const { workflow } = parsed(source);
  const tree = workflow && linkCalls(workflow, new Map(called.map((file) => [file.name, parsed(file.source)]))).tree;
  if (tree === undefined) throw new AppError("internal", "a file with mistakes was to be planned");
  return tree;
}

function kept<T>(map: BoundedMap<string, T>, source: string, make: (source: string) => T): T {
  const known = map.get(source);
  if (known !== undefined) return known;
  const made = make(source);
  map.set(source, made);
  return made;
}
