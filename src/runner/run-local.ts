import type { Git } from "../drivers/git/git.ts";
import type { Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { JsonValue } from "../lib/json.ts";
import type { Logger } from "../lib/logger.ts";
import { callDeclaration } from "../workflow/call-declaration.ts";
import { callInputs } from "../workflow/call-inputs.ts";
import { callOutputs } from "../workflow/call-outputs.ts";
import { callSecrets } from "../workflow/call-secrets.ts";
import { wantedGroup } from "../workflow/concurrency.ts";
import { decideJob } from "../workflow/decide-job.ts";
import type { Diagnostic } from "../workflow/diagnostic.ts";
import { expandJob, type JobContexts, type JobLeg, jobContextMap, legContext } from "../workflow/expand-job.ts";
import type { EvaluationContext } from "../workflow/expressions/evaluation-context.ts";
import { ExprObject, fromJson, toText } from "../workflow/expressions/value.ts";
import { linkCalls, type WorkflowTree } from "../workflow/link-calls.ts";
import { loadCalls } from "../workflow/load-calls.ts";
import type { JobDefinition, Template, Workflow } from "../workflow/model.ts";
import { type JobOutcome, mergeLegs, needsContext } from "../workflow/needs-context.ts";
import { parseWorkflow } from "../workflow/parse-workflow.ts";
import { type PlannedJob, planRun } from "../workflow/plan-run.ts";
import type { ActionSource } from "./actions/action-source.ts";
import { readCalled } from "./called-file.ts";
import { runnerArch } from "./engine/default-variables.ts";
import type { JobEvent, Outcome } from "./engine/job-event.ts";
import type { JobRequest } from "./engine/job-request.ts";
import { runJob } from "./engine/run-job.ts";
import type { LocalWorkflowFile } from "./local-workflows.ts";
import type { LocalServices } from "./services/local-services.ts";
import { taskInputs } from "./task-inputs.ts";

/** Shows a run on a terminal. Secrets are replaced in what it gets. */
export interface LocalPrinter {
  /** A workflow file with what is wrong in it; an error keeps it from running. */
  problems(file: string, diagnostics: readonly Diagnostic[]): void;
  /** A job begins; `name` is its display name. */
  jobStarted(name: string): void;
  event(name: string, event: JobEvent): void | Promise<void>;
  /** A job ended, or was skipped without having begun; `why` says the latter where no condition did it. */
  jobFinished(name: string, result: Outcome, why?: string): void;
}

/** Where the jobs with some labels run, or why they do not. */
export type LocalPlace = { readonly executor: Executor } | { readonly skipped: string };

/** What is run, and with what. */
export interface RunLocalOptions {
  /** Folder whose files the jobs see; absolute. */
  readonly directory: string;
  readonly files: readonly LocalWorkflowFile[];
  /** Only workflows that declare this event run. */
  readonly event: string;
  /** @default {} */
  readonly eventPayload?: Readonly<Record<string, JsonValue>>;
  /** Only these jobs, by id, and those they need. @default all */
  readonly jobs?: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** What the jobs' `github` context says of the repository: `repository`, `ref`, `sha`, `actor` and so on. */
  readonly github: Readonly<Record<string, JsonValue>>;
  readonly debug?: boolean;
  readonly timeoutMs: number;
  readonly version: string;
  /** Where a job runs. @throws AppError when its labels cannot be served */
  readonly place: (runsOn: readonly string[]) => LocalPlace;
  readonly git: Git;
  /** Only the legs of a matrix that have one of these values for a key; those without the key run. @default all */
  readonly matrix?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Where actions come from. @default none can be fetched */
  readonly actions?: ActionSource;
  /** Artifacts and caches of the jobs. @default none */
  readonly services?: LocalServices;
  readonly printer: LocalPrinter;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Aborts with a KillReason. */
  readonly signal: AbortSignal;
}

/**
 * Runs workflow files without a server, with the engine that runs tasks: jobs in the order of their needs, one at a
 * time. Returns the worst result.
 * @throws AppError invalid when a file is wrong; not_found when nothing is to be run
 */
export async function runLocal(options: RunLocalOptions): Promise<Outcome> {
  const workflows = options.files.map((file) => ({ file, workflow: readWorkflow(file, options) }));
  const wanted = workflows.filter(({ workflow }) => workflow.on.has(options.event));
  if (wanted.length === 0) {
    const events = [...new Set(workflows.flatMap(({ workflow }) => [...workflow.on.keys()]))].join(", ");
    throw new AppError(
      "not_found",
      `no workflow declares the event '${options.event}'; declared are: ${events || "none"}`,
    );
  }
  const results: Outcome[] = [];
  const trees: WorkflowTree[] = [];
  for (const { file, workflow } of wanted) trees.push(await linked(file.path, workflow, options));
  for (const tree of trees) results.push(...(await new LocalRun(tree, options).run()));
  return (["failure", "cancelled"] as const).find((result) => results.includes(result)) ?? "success";
}

function readWorkflow(file: LocalWorkflowFile, { printer }: RunLocalOptions): Workflow {
  const { workflow, diagnostics } = parseWorkflow(file.source);
  if (diagnostics.length > 0) printer.problems(file.path, diagnostics);
  if (workflow === undefined) throw new AppError("invalid", `the workflow ${file.path} has errors: correct them first`);
  return workflow;
}

/** The workflow with those that it calls. */
async function linked(path: string, workflow: Workflow, options: RunLocalOptions): Promise<WorkflowTree> {
  const { tree, diagnostics } = linkCalls(workflow, await loadCalls(workflow, (name) => readCalled(name, options)));
  if (diagnostics.length > 0) options.printer.problems(path, diagnostics);
  if (tree === undefined)
    throw new AppError("invalid", `the calls of the workflow ${path} have errors: correct them first`);
  return tree;
}

/** A call by which a workflow is run. */
interface LocalCall {
  /** Display name of the calling job. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, JsonValue>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** The run's own `github` context. */
  readonly github: Readonly<Record<string, JsonValue>>;
}

/** One workflow, run. */
class LocalRun {
  readonly #tree: WorkflowTree;
  readonly #workflow: Workflow;
  readonly #call: LocalCall | undefined;
  readonly #options: RunLocalOptions;
  readonly #github: Readonly<Record<string, JsonValue>>;
  readonly #inputs: Readonly<Record<string, JsonValue>>;
  readonly #outcomes = new Map<string, JobOutcome>();

  constructor(tree: WorkflowTree, options: RunLocalOptions, call?: LocalCall) {
    const event = options.eventPayload ?? {};
    const { workflow } = tree;
    this.#tree = tree;
    this.#workflow = workflow;
    this.#call = call;
    this.#options = options;
    const own = { event_name: options.event, event: { ...event }, workflow: workflow.name ?? "", ...options.github };
    this.#github = call?.github ?? own;
    this.#inputs = call?.inputs ?? taskInputs(workflow, options.event, event["inputs"]);
  }

  /** Results of the jobs, in the order they ran. */
  async run(): Promise<Outcome[]> {
    const base = this.#contexts(new Map());
    const plan = planRun(this.#workflow, { github: base.github, inputs: base.inputs, vars: base.vars });
    const [problem] = plan.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
    if (problem !== undefined) throw new AppError("invalid", problem.message);
    checkGroup(this.#workflow.concurrency, { contexts: jobContextMap(base) });
    const wanted = withNeeds(plan.jobs, this.#call === undefined ? this.#options.jobs : undefined);
    for (const job of plan.jobs) if (wanted.has(job.key)) this.#outcomes.set(job.key, await this.#runPlanned(job));
    return [...this.#outcomes.values()].map((outcome) => outcome.result);
  }

  async #runPlanned(planned: PlannedJob): Promise<JobOutcome> {
    const { definition, needs } = planned;
    const direct = new Map(
      needs.map((id) => [id, this.#outcomes.get(id) ?? { result: "skipped" as const, outputs: {} }]),
    );
    const contexts = this.#contexts(direct);
    const runCancelled = this.#options.signal.aborted;
    const ancestors = new Map([...this.#outcomes].map(([id, outcome]) => [id, outcome.result]));
    const upstream = new Map([...ancestors].filter(([id]) => isAncestor(id, definition.id, this.#workflow)));
    const decision = decideJob(definition, { contexts, ancestors: upstream, runCancelled });
    if (decision.kind === "error")
      throw new AppError("invalid", `the condition of the job '${definition.id}' is wrong: ${decision.message}`);
    if (decision.kind === "skip") {
      this.#options.printer.jobFinished(this.#shown(definition.id), "skipped");
      return { result: "skipped", outputs: {} };
    }
    const legs = planned.dynamic ? expandJob(definition, contexts) : planned.legs;
    const called = this.#tree.calls.get(definition.id);
    const outcomes: JobOutcome[] = [];
    for (const leg of legs) {
      if (!this.#isWanted(leg)) continue;
      checkGroup(definition.concurrency, legContext(contexts, leg));
      const named = { ...leg, name: this.#shown(leg.name) };
      const outcome =
        called === undefined
          ? await this.#runLeg(planned, named, direct)
          : await this.#runCall(definition, called, named, contexts);
      outcomes.push(outcome);
    }
    if (outcomes.length > 0) return mergeLegs(outcomes);
    this.#options.printer.jobFinished(this.#shown(definition.id), "skipped", "no leg of its matrix was asked for");
    return { result: "skipped", outputs: {} };
  }

  /** `caller / called`, as GitHub shows it. */
  #shown(name: string): string {
    return this.#call === undefined ? name : `${this.#call.name} / ${name}`;
  }

  async #runCall(
    definition: JobDefinition,
    tree: WorkflowTree,
    leg: JobLeg,
    contexts: JobContexts,
  ): Promise<JobOutcome> {
    const declaration = callDeclaration(tree.workflow);
    if (declaration === undefined) throw new AppError("internal", `the workflow ${tree.name} cannot be called`);
    const context = legContext(contexts, leg);
    const { github, vars } = contexts;
    const called = { contexts: jobContextMap({ github, vars, inputs: new ExprObject() }) };
    const call = {
      name: leg.name,
      inputs: callInputs(declaration, definition.with, { caller: context, called }),
      secrets: callSecrets(definition, tree.workflow, context, this.#secrets),
      github: this.#github,
    };
    const run = new LocalRun(tree, this.#options, call);
    const results = await run.run();
    const result = WORST.find((candidate) => results.includes(candidate)) ?? "skipped";
    const own = { github, vars, inputs: fromJson({ ...call.inputs }) };
    return { result, outputs: callOutputs(tree.workflow, (key) => run.#outcomesOf(key), own) };
  }

  #outcomesOf(key: string): readonly JobOutcome[] {
    const outcome = this.#outcomes.get(key);
    return outcome === undefined ? [] : [outcome];
  }

  get #secrets(): Readonly<Record<string, string>> {
    if (this.#call !== undefined) return this.#call.secrets;
    return Object.fromEntries(
      Object.entries(this.#options.secrets).map(([name, value]) => [name.toUpperCase(), value]),
    );
  }

  #isWanted({ matrix }: JobLeg): boolean {
    const asked = [...(this.#options.matrix ?? [])];
    return asked.every(([key, values]) => !(key in matrix) || values.has(toText(fromJson(matrix[key] ?? null))));
  }

  async #runLeg({ definition }: PlannedJob, leg: JobLeg, needs: ReadonlyMap<string, JobOutcome>): Promise<JobOutcome> {
    const { printer, place, actions, clock, ids, logger, signal } = this.#options;
    const outputs: Record<string, string> = {};
    const found = place(leg.runsOn);
    if ("skipped" in found) {
      printer.jobFinished(leg.name, "skipped", found.skipped);
      return { result: "skipped", outputs };
    }
    const { executor } = found;
    printer.jobStarted(leg.name);
    const emit = (event: JobEvent) => {
      if (event.type === "output") outputs[event.name] = event.value;
      return printer.event(leg.name, event);
    };
    const plain = this.#request(definition.id, leg, needs);
    const inContainer = executor.name !== "host" || plain.job.container !== undefined;
    using access = await this.#options.services?.begin({ github: plain.github, inContainer });
    const { env = {}, masks = [] } = access ?? {};
    const request = { ...plain, fixedEnv: { ...plain.fixedEnv, ...env }, masks };
    const result = await runJob(request, {
      executor,
      ...(actions ? { actions } : {}),
      emit,
      clock,
      ids,
      logger,
      signal,
    });
    printer.jobFinished(leg.name, result);
    return { result: result === "failure" && leg.continueOnError ? "success" : result, outputs };
  }

  #request(jobId: string, leg: JobLeg, needs: ReadonlyMap<string, JobOutcome>): JobRequest {
    const { options, workflow } = { options: this.#options, workflow: this.#workflow };
    const job = workflow.jobs.get(jobId);
    if (job === undefined) throw new AppError("internal", `the job '${jobId}' was planned, but is not in the workflow`);
    return {
      id: `local-${options.ids.uuid().slice(0, 8)}`,
      workflow,
      job,
      conditionDecided: true,
      github: { ...this.#github, job: jobId },
      inputs: this.#inputs,
      vars: options.vars,
      secrets: this.#call?.secrets ?? options.secrets,
      needs,
      matrix: leg.matrix,
      strategy: {
        "fail-fast": leg.failFast,
        "job-index": leg.index,
        "job-total": leg.total,
        "max-parallel": leg.maxParallel ?? leg.total,
      },
      lowEnv: { ACT: "true", ...options.env },
      fixedEnv: { GITEA_ACTIONS: "true", GITEA_ACTIONS_RUNNER_VERSION: options.version },
      runner: {
        name: "local",
        version: options.version,
        debug: options.debug ?? false,
        arch: runnerArch(process.arch),
      },
      masks: [],
      actions: { patch: true },
      localSource: { directory: options.directory, git: options.git },
      timeoutMs: options.timeoutMs,
    };
  }

  #contexts(needs: ReadonlyMap<string, JobOutcome>): JobContexts {
    return {
      github: fromJson({ ...this.#github }),
      inputs: fromJson({ ...this.#inputs }),
      vars: fromJson({ ...this.#options.vars }),
      needs: needsContext(new Map([...needs].map(([id, outcome]) => [id, [outcome]]))),
    };
  }
}

/** The results that outweigh others, the worst first. */
const WORST = ["failure", "cancelled", "success"] as const;

/** One run alone has its groups for itself; a mistake in one is told all the same. @throws AppError invalid */
function checkGroup(concurrency: Template | undefined, context: EvaluationContext): void {
  if (concurrency !== undefined) wantedGroup(concurrency, context);
}

/** The jobs that were asked for and all that they need. @throws AppError not_found */
function withNeeds(jobs: readonly PlannedJob[], asked: readonly string[] | undefined): ReadonlySet<string> {
  const byKey = new Map(jobs.map((job) => [job.key, job]));
  const wanted = new Set<string>();
  const add = (key: string) => {
    if (wanted.has(key)) return;
    const job = byKey.get(key);
    if (job === undefined)
      throw new AppError("not_found", `there is no job '${key}'; there are: ${[...byKey.keys()].join(", ")}`);
    wanted.add(key);
    for (const need of job.needs) add(need);
  };
  for (const key of asked ?? byKey.keys()) add(key);
  return wanted;
}

function isAncestor(id: string, of: string, workflow: Workflow): boolean {
  const needs = workflow.jobs.get(of)?.needs ?? [];
  return needs.some((need) => need === id || isAncestor(id, need, workflow));
}
