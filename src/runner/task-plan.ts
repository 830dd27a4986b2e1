import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import { Result, type Task } from "../protocol/messages.ts";
import { evaluateTemplate } from "../workflow/evaluate-template.ts";
import type { EvaluationContext } from "../workflow/expressions/evaluation-context.ts";
import { ExprArray, ExprObject, type ExprValue, fromJson, toText } from "../workflow/expressions/value.ts";
import { expandMatrix } from "../workflow/matrix.ts";
import type { JobDefinition, Workflow } from "../workflow/model.ts";
import { type JobOutcome, type JobResult, needsContext } from "../workflow/needs-context.ts";
import { parseWorkflow } from "../workflow/parse-workflow.ts";
import type { ActionSettings, JobHooks, JobRequest, RunnerFacts } from "./engine/job-request.ts";
import { taskInputs } from "./task-inputs.ts";

/** What a task is read with. */
export interface TaskPlanOptions {
  /** Address of the instance; the server URL that jobs see. */
  readonly address: string;
  readonly runner: RunnerFacts;
  /** From the configuration; below the workflow's own `env`. */
  readonly envs: Readonly<Record<string, string>>;
  readonly setActEnv: boolean;
  /** `run` steps run under a pseudo-terminal. */
  readonly allocatePty: boolean;
  /** Words of the server's capabilities header, for GITEA_ACTIONS_CAPABILITIES. */
  readonly serverCapabilities: string;
  readonly timeoutMs: number;
  /** @default the defaults */
  readonly actions?: Pick<ActionSettings, "builtin" | "insecure" | "patch">;
  /** @default none */
  readonly hooks?: JobHooks;
  /** The server decides every job's `if` by itself: ours does, Gitea leaves some to the runner. */
  readonly conditionDecided: boolean;
}

/** A task that can run, or the sentences that say why it cannot. */
export type TaskPlan =
  | { readonly kind: "job"; readonly request: JobRequest; readonly runsOn: readonly string[] }
  | { readonly kind: "broken"; readonly problems: readonly string[]; readonly steps: number };

const RESULT_WORDS: Readonly<Partial<Record<Result, JobResult>>> = {
  [Result.SUCCESS]: "success",
  [Result.FAILURE]: "failure",
  [Result.CANCELLED]: "cancelled",
  [Result.SKIPPED]: "skipped",
};

/** Reads a task. Whatever is wrong with it is a sentence for the job's log, never an error. */
export function planTask(task: Task, options: TaskPlanOptions): TaskPlan {
  if (task.workflowPayload === undefined) return broken("The server sent this task without a workflow.");
  const { workflow, diagnostics } = parseWorkflow(new TextDecoder().decode(task.workflowPayload));
  if (workflow === undefined) {
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
    return broken(
      ...errors.map(
        ({ range, message }) => `The workflow is wrong in line ${range.line}, column ${range.column}: ${message}`,
      ),
    );
  }
  const [job, ...more] = [...workflow.jobs.values()];
  if (job === undefined || more.length > 0) {
    return broken(`The server sent a workflow with ${workflow.jobs.size} jobs; a task has exactly one.`);
  }
  try {
    return planJob(task, workflow, job, options);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "invalid") throw error;
    return { ...broken(error.message), steps: job.steps.length };
  }
}

function broken(...problems: string[]): Extract<TaskPlan, { kind: "broken" }> {
  return { kind: "broken", problems, steps: 0 };
}

function planJob(task: Task, workflow: Workflow, job: JobDefinition, options: TaskPlanOptions): TaskPlan {
  const given = (task.context ?? {}) as Record<string, JsonValue>;
  const text = (key: string) => (typeof given[key] === "string" ? (given[key] as string) : "");
  const token = task.secrets["GITEA_TOKEN"] || task.secrets["GITHUB_TOKEN"] || text("token");
  const github = githubContext(given, workflow, job, options.address, token);
  const event = given["event"];
  const eventInputs =
    typeof event === "object" && event !== null && !Array.isArray(event) ? event["inputs"] : undefined;
  const needs = new Map(Object.entries(task.needs).map(([id, need]) => [id, toOutcome(need)]));
  const inputs = taskInputs(workflow, text("event_name"), eventInputs);
  const base = (matrix: ExprValue): EvaluationContext => ({
    contexts: new Map<string, ExprValue>([
      ["github", fromJson(github)],
      ["inputs", fromJson(inputs)],
      ["vars", fromJson(task.vars)],
      ["needs", needsContext(new Map([...needs].map(([id, outcome]) => [id, [outcome]])))],
      ["matrix", matrix],
    ]),
  });
  const matrix = readMatrix(job, base(new ExprObject()));
  const debug = [task.secrets, task.vars].some((source) => source["ACTIONS_STEP_DEBUG"] === "true");
  const request: JobRequest = {
    id: `task-${task.id}`,
    workflow,
    job,
    conditionDecided: options.conditionDecided,
    github,
    inputs,
    vars: task.vars,
    secrets: task.secrets,
    needs,
    matrix,
    strategy: { "fail-fast": true, "job-index": 0, "job-total": 1, "max-parallel": 1 },
    terminal: options.allocatePty,
    lowEnv: { ...(options.setActEnv ? { ACT: "true" } : {}), ...options.envs },
    fixedEnv: serviceVariables(given, token, options),
    runner: { ...options.runner, debug: options.runner.debug || debug },
    masks: ["token", "gitea_runtime_token", "actions_id_token_request_token"].map(text).filter((value) => value !== ""),
    // the server names itself by its outside address, which need not be the one this runner reaches it by
    actions: { ...options.actions, serverAliases: [text("server_url")].filter((url) => url !== "") },
    ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    timeoutMs: options.timeoutMs,
  };
  return { kind: "job", request, runsOn: readRunsOn(job, base(fromJson(matrix))) };
}

/** The server's context, with what this runner knows better: the address under which it reaches the server. */
function githubContext(
  given: Record<string, JsonValue>,
  workflow: Workflow,
  job: JobDefinition,
  address: string,
  token: string,
): Record<string, JsonValue> {
  const serverUrl = address.replace(/\/+$/, "");
  return {
    ...callerEvent(given),
    server_url: serverUrl,
    api_url: `${serverUrl}/api/v1`,
    graphql_url: "",
    job: job.id,
    token,
    ...(workflow.name === undefined ? {} : { workflow: workflow.name }),
  };
}

/**
 * In a called workflow `github.event_name` and `github.event` are the caller's. Our server names the event
 * `workflow_call` and puts the inputs into it, for runners that read them from there, and says what it really was.
 */
function callerEvent(given: Record<string, JsonValue>): Record<string, JsonValue> {
  const { caller_event_name: name, caller_event_inputs: inputs, ...context } = given;
  const event = context["event"];
  if (typeof name !== "string" || typeof event !== "object" || event === null || Array.isArray(event)) return given;
  const { inputs: _, ...payload } = event;
  const own = typeof inputs === "string" && inputs !== "" ? { inputs: JSON.parse(inputs) as JsonValue } : {};
  return { ...context, event_name: name, event: { ...payload, ...own } };
}

/** What actions and the instance's own clients look for (protocol reference §2.5). */
function serviceVariables(
  given: Record<string, JsonValue>,
  token: string,
  options: TaskPlanOptions,
): Record<string, string> {
  const text = (key: string) => (typeof given[key] === "string" ? (given[key] as string) : "");
  const address = options.address.replace(/\/+$/, "");
  const variables: Record<string, string> = {
    ACTIONS_RUNTIME_URL: `${address}/api/actions_pipeline/`,
    ACTIONS_RESULTS_URL: address,
    ACTIONS_RUNTIME_TOKEN: text("gitea_runtime_token") || token,
    GITEA_ACTIONS: "true",
    GITEA_ACTIONS_RUNNER_VERSION: options.runner.version,
    GITEA_ACTIONS_CAPABILITIES: options.serverCapabilities,
    GITEA_RUN_ID: text("run_id"),
  };
  const idUrl = text("actions_id_token_request_url");
  if (idUrl !== "") {
    variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = idUrl;
    variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = text("actions_id_token_request_token");
  }
  return variables;
}

function toOutcome(need: { result: Result; outputs: Record<string, string> }): JobOutcome {
  return { result: RESULT_WORDS[need.result] ?? "failure", outputs: need.outputs };
}

/** The server has expanded the matrix: one combination is left. */
function readMatrix(job: JobDefinition, context: EvaluationContext): Readonly<Record<string, JsonValue>> {
  const template = job.strategy?.matrix;
  if (template === undefined) return {};
  const [leg, ...more] = expandMatrix(evaluateTemplate(template, context));
  if (more.length > 0)
    throw new AppError(
      "invalid",
      `The server sent a matrix with ${more.length + 1} combinations; a task has exactly one.`,
    );
  return leg?.values ?? {};
}

function readRunsOn(job: JobDefinition, context: EvaluationContext): string[] {
  if (job.runsOn === undefined) return [];
  const value = evaluateTemplate(job.runsOn, context);
  const labels = value instanceof ExprObject ? (value.get("labels") ?? null) : value;
  if (labels instanceof ExprArray) return labels.items.map(toText);
  return labels === null ? [] : [toText(labels)];
}
