import type { JsonValue } from "../../lib/json.ts";
import { callSecrets, type Secrets } from "../../workflow/call-secrets.ts";
import { type JobContexts, legContext } from "../../workflow/expand-job.ts";
import { needsContext } from "../../workflow/needs-context.ts";
import type { Job } from "../domain/run.ts";
import { jobLeg } from "./job-leg.ts";
import { type JobScope, ownKey, startedCall } from "./job-scope.ts";
import { directNeeds, scopeContexts } from "./settle-graph.ts";

/**
 * The secrets of a scope: all in the run's own file; in a called file those that its caller hands on by name, or all
 * that the caller has with `secrets: inherit`.
 * @param contexts of the run's own file
 * @param all by name in upper case
 * @throws AppError invalid when an expression of `secrets` cannot be evaluated
 */
export function calledSecrets(scope: JobScope, jobs: readonly Job[], contexts: JobContexts, all: Secrets): Secrets {
  const { caller, parent } = scope;
  if (caller === undefined || parent === undefined) return all;
  const definition = parent.tree.workflow.jobs.get(ownKey(caller.key));
  const leg = jobLeg(caller);
  if (definition === undefined || leg === undefined) return {};
  const given = calledSecrets(parent, jobs, contexts, all);
  const needs = needsContext(directNeeds(definition, parent, jobs));
  const context = legContext({ ...scopeContexts({ contexts }, parent), needs }, leg);
  return callSecrets(definition, scope.tree.workflow, context, given);
}

/**
 * The `github` context of a task of a called workflow. Runners read `inputs` from the event, and only when the event's
 * name is `workflow_call`; so it is where there are inputs, as with Gitea. What the run's event really was stands in
 * `caller_event_name` and `caller_event_inputs` (JSON, or empty), with which our runner puts the context right.
 */
export function calledContext(
  scope: JobScope,
  context: { readonly [key: string]: JsonValue },
): { readonly [key: string]: JsonValue } {
  const call = scope.caller && startedCall(scope.caller);
  if (call === undefined || Object.keys(call.inputs).length === 0) return context;
  const event = context["event"] as { readonly [key: string]: JsonValue };
  return {
    ...context,
    event_name: "workflow_call",
    event: { ...event, inputs: Object.fromEntries(Object.entries(call.inputs).map(wireInput)) },
    caller_event_name: context["event_name"] ?? "",
    caller_event_inputs: event["inputs"] === undefined ? "" : JSON.stringify(event["inputs"]),
  };
}

/** Runners compare booleans with the text "true". */
function wireInput([name, value]: [string, JsonValue]): [string, JsonValue] {
  return [name, typeof value === "boolean" ? String(value) : value];
}
