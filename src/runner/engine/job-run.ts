import { posix, win32 } from "node:path";
import type { JobEnvironment } from "../../executors/executor.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import { ExprObject, type ExprValue, fromJson } from "../../workflow/expressions/value.ts";
import type { ActionAccess } from "../actions/action-origin.ts";
import type { ActionSource } from "../actions/action-source.ts";
import { evaluationContext, fixedContexts } from "./contexts.ts";
import { defaultVariables, runnerContext } from "./default-variables.ts";
import { tryEvaluate } from "./evaluate.ts";
import { HASH_LIMIT_MS, hashFiles } from "./hash-files.ts";
import { JobActions } from "./job-actions.ts";
import { containersContext } from "./job-containers.ts";
import type { JobControl } from "./job-control.ts";
import type { Emit } from "./job-event.ts";
import type { JobRequest } from "./job-request.ts";
import type { JobState } from "./job-state.ts";
import type { Masker } from "./masker.ts";
import { MatcherThread } from "./matcher-thread.ts";
import type { StepFrame } from "./step-frame.ts";
import type { Evaluated } from "./step-rules.ts";

/** What a running job consists of. */
export interface JobRunParts {
  readonly request: JobRequest;
  readonly environment: JobEnvironment;
  readonly platform: NodeJS.Platform;
  readonly control: JobControl;
  readonly state: JobState;
  readonly emit: Emit;
  readonly masker: Masker;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where actions come from; absent where none can be fetched. */
  readonly actionSource: ActionSource | undefined;
}

/** A job whose environment stands: what its stages share. */
export class JobRun {
  readonly parts: JobRunParts;
  /** The `github` context with the paths of this environment. */
  readonly github: Readonly<Record<string, JsonValue>>;
  /** The job's own steps. */
  readonly frame: StepFrame;
  readonly actions: JobActions;
  readonly matchers: MatcherThread;
  readonly #runner: Readonly<Record<string, JsonValue>>;
  readonly #fixed: ReadonlyMap<string, ExprValue>;
  readonly #githubValue: ExprObject;
  readonly #runnerValue: ExprValue;
  readonly #job: readonly (readonly [string, ExprValue])[];

  constructor(parts: JobRunParts) {
    const { request, environment, platform } = parts;
    this.parts = parts;
    this.frame = {
      depth: 0,
      steps: parts.state.steps,
      contexts: new Map(),
      github: {},
      env: new Map(),
      defaults: { ...request.workflow.defaults, ...request.job.defaults },
    };
    this.#runner = runnerContext(request.runner, environment.paths, platform);
    this.github = {
      ...request.github,
      workspace: environment.paths.workspace,
      event_path: this.join(environment.paths.temp, "_github_workflow", "event.json"),
    };
    this.actions = new JobActions({
      source: parts.actionSource,
      access: this.#actionAccess(),
      environment,
      patch: request.actions?.patch ?? false,
      join: (...pieces) => this.join(...pieces),
      say: (text) => this.line(null, text),
      signal: parts.control.stopping,
    });
    this.matchers = new MatcherThread({
      clock: parts.clock,
      removed: (owner) => this.line(null, `##[warning]The problem matcher '${owner}' is removed: it took too long.`),
    });
    this.#fixed = fixedContexts(request);
    this.#job = environment.containers === undefined ? [] : containersContext(environment.containers);
    this.#githubValue = new ExprObject(Object.entries(this.github).map(([key, value]) => [key, fromJson(value)]));
    this.#runnerValue = fromJson({ ...this.#runner });
  }

  /** Joins path pieces as the job's platform does; an absolute piece starts anew. */
  join(...pieces: string[]): string {
    const path = this.parts.platform === "win32" ? win32 : posix;
    return pieces.reduce((base, piece) => (path.isAbsolute(piece) ? piece : path.join(base, piece)));
  }

  /**
   * Contexts of a place.
   * @param stepEnv the step's own `env`
   * @param github what the place adds to the `github` context
   */
  context(
    frame: StepFrame,
    stepEnv: ReadonlyMap<string, string> = new Map(),
    github: Readonly<Record<string, string>> = {},
  ): EvaluationContext {
    const { state, platform } = this.parts;
    return evaluationContext(this.#fixed, state, {
      github: this.#githubValue.with(Object.entries({ ...frame.github, ...github })),
      runner: this.#runnerValue,
      env: new Map([...state.env, ...frame.env, ...stepEnv]),
      platform,
      frame,
      job: this.#job,
    });
  }

  /** Evaluates with the files of the workspace at hand. */
  evaluate<T>(context: EvaluationContext, evaluate: (context: EvaluationContext) => T): Promise<Evaluated<T>> {
    const hash = (patterns: readonly string[]) => this.#hashFiles(patterns);
    return tryEvaluate(context, hash, evaluate);
  }

  #actionAccess(): ActionAccess {
    const { request } = this.parts;
    const text = (key: string) => (typeof request.github[key] === "string" ? (request.github[key] as string) : "");
    return {
      defaultUrl: text("gitea_default_actions_url"),
      serverUrl: text("server_url").replace(/\/+$/, ""),
      serverAliases: request.actions?.serverAliases ?? [],
      token: text("token") || undefined,
      repository: text("repository"),
      insecure: request.actions?.insecure ?? false,
    };
  }

  async #hashFiles(patterns: readonly string[]): Promise<string> {
    const { environment, control, clock } = this.parts;
    const limit = new AbortController();
    using _ = clock.timer(HASH_LIMIT_MS, () => limit.abort());
    const signal = AbortSignal.any([control.killing, limit.signal]);
    return await hashFiles(environment.hostWorkspace ?? environment.paths.workspace, patterns, { signal });
  }

  /** The variables no workflow can override. @param github what the place adds to the `github` context */
  fixedVariables(github: Readonly<Record<string, JsonValue>>): Record<string, string> {
    return { ...this.parts.request.fixedEnv, ...defaultVariables({ ...this.github, ...github }, this.#runner) };
  }

  /** Writes one row. */
  line(step: number | null, text: string): void | Promise<void> {
    return this.parts.emit({ type: "line", step, text, at: this.parts.clock.now() });
  }

  /** Writes rows, the mark in front of the first. */
  async lines(step: number | null, text: string, mark = ""): Promise<void> {
    for (const [index, line] of text.split(/\r\n|\r|\n/).entries())
      await this.line(step, index === 0 ? mark + line : line);
  }
}
