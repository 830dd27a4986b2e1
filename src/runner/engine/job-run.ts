import { posix, win32 } from "node:path";
import type { JobEnvironment } from "../../executors/executor.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import { ExprObject, type ExprValue, fromJson } from "../../workflow/expressions/value.ts";
import { evaluationContext, fixedContexts } from "./contexts.ts";
import { defaultVariables, runnerContext } from "./default-variables.ts";
import { tryEvaluate } from "./evaluate.ts";
import { HASH_LIMIT_MS, hashFiles } from "./hash-files.ts";
import type { JobControl } from "./job-control.ts";
import type { Emit } from "./job-event.ts";
import type { JobRequest } from "./job-request.ts";
import type { JobState } from "./job-state.ts";
import type { Masker } from "./masker.ts";
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
}

/** A job whose environment stands: what its stages share. */
export class JobRun {
  readonly parts: JobRunParts;
  /** The `github` context with the paths of this environment. */
  readonly github: Readonly<Record<string, JsonValue>>;
  readonly #runner: Readonly<Record<string, JsonValue>>;
  readonly #fixed: ReadonlyMap<string, ExprValue>;
  readonly #githubValue: ExprObject;
  readonly #runnerValue: ExprValue;

  constructor(parts: JobRunParts) {
    const { request, environment, platform } = parts;
    this.parts = parts;
    this.#runner = runnerContext(request.runner, environment.paths, platform);
    this.github = {
      ...request.github,
      workspace: environment.paths.workspace,
      event_path: this.join(environment.paths.temp, "_github_workflow", "event.json"),
    };
    this.#fixed = fixedContexts(request);
    this.#githubValue = new ExprObject(Object.entries(this.github).map(([key, value]) => [key, fromJson(value)]));
    this.#runnerValue = fromJson({ ...this.#runner });
  }

  /** Joins path pieces as the job's platform does; an absolute piece starts anew. */
  join(...pieces: string[]): string {
    const path = this.parts.platform === "win32" ? win32 : posix;
    return pieces.reduce((base, piece) => (path.isAbsolute(piece) ? piece : path.join(base, piece)));
  }

  /** Contexts of a place. @param github what the place adds to the `github` context */
  context(env: ReadonlyMap<string, string>, github: Readonly<Record<string, string>> = {}): EvaluationContext {
    const { state, platform } = this.parts;
    const place = { github: this.#githubValue.with(Object.entries(github)), runner: this.#runnerValue, env, platform };
    return evaluationContext(this.#fixed, state, place);
  }

  /** Evaluates with the files of the workspace at hand. */
  evaluate<T>(context: EvaluationContext, evaluate: (context: EvaluationContext) => T): Promise<Evaluated<T>> {
    const hash = (patterns: readonly string[]) => this.#hashFiles(patterns);
    return tryEvaluate(context, hash, evaluate);
  }

  async #hashFiles(patterns: readonly string[]): Promise<string> {
    const { environment, control, clock } = this.parts;
    const limit = new AbortController();
    using _ = clock.timer(HASH_LIMIT_MS, () => limit.abort());
    const signal = AbortSignal.any([control.killing, limit.signal]);
    return await hashFiles(environment.paths.workspace, patterns, { signal });
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
