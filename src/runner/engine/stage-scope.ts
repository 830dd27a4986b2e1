import type { ActionContainerSpec, StepExit, StepSpec } from "../../executors/executor.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { evaluateMapping, evaluateText } from "../../workflow/evaluate-template.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import type { MappingTemplate, RunDefaults, Step, Template } from "../../workflow/model.ts";
import { type CommandEffect, CommandInterpreter } from "./command-interpreter.ts";
import { FileCommands } from "./file-commands.ts";
import type { JobRun } from "./job-run.ts";
import { type MatchPlace, matchAnnotation } from "./matcher-annotation.ts";
import { composeStepEnv } from "./step-env.ts";
import type { StepFrame } from "./step-frame.ts";
import type { CompositeParts, ProcessVariables, Stage, StageEnd, StageScope } from "./step-handler.ts";
import { type Evaluated, meaningOfExit, type StopReason } from "./step-rules.ts";

/** What a stage is started with. */
export interface StageOptions {
  readonly run: JobRun;
  readonly frame: StepFrame;
  readonly step: Step;
  readonly stage: Stage;
  /** The step's own `env`, evaluated. */
  readonly stepEnv: ReadonlyMap<string, string>;
  readonly saved: Map<string, string>;
  readonly signal: AbortSignal;
  /** Why the stage was asked to end; read when a process has ended. */
  readonly stopReason: () => StopReason | undefined;
  readonly limitMinutes: number;
}

/** What a stage has set, by commands and files. */
export interface StageChanges {
  readonly env: Map<string, string>;
  readonly outputs: Map<string, string>;
  readonly path: string[];
  /** Sentences; one is enough to fail the step. */
  readonly failures: string[];
  summary: string;
}

/** Larger files are no problem matchers; whether a larger file is there is known all the same. */
const MAX_SOURCE_BYTES = 1024 * 1024;
/** Variables that a step must not set for the later ones (GitHub's deny list). */
const REFUSED_ENV: ReadonlySet<string> = new Set(["NODE_OPTIONS"]);

/** The scope of one stage: evaluates, runs processes, gathers what they set. */
export class ActiveStage implements StageScope {
  readonly changes: StageChanges = { env: new Map(), outputs: new Map(), path: [], failures: [], summary: "" };
  readonly #options: StageOptions;
  readonly #commands: CommandInterpreter;
  readonly #context: EvaluationContext;
  #files: FileCommands | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#context = options.run.context(options.frame, options.stepEnv, this.#githubOfStep());
    this.#commands = new CommandInterpreter({
      debug: options.run.parts.request.runner.debug,
      allowUnsecure: () => this.#visibleEnv().get("ACTIONS_ALLOW_UNSECURE_COMMANDS")?.toLowerCase() === "true",
      relativePath: (file) => relativeTo(this.environment.paths.workspace, file),
    });
  }

  get step(): Step {
    return this.#options.step;
  }

  get stage(): Stage {
    return this.#options.stage;
  }

  get environment() {
    return this.#options.run.parts.environment;
  }

  get platform(): NodeJS.Platform {
    return this.#options.run.parts.platform;
  }

  get ids() {
    return this.#options.run.parts.ids;
  }

  get clock() {
    return this.#options.run.parts.clock;
  }

  get insecure(): boolean {
    return this.#options.run.parts.request.actions?.insecure ?? false;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  get github() {
    return { ...this.#options.run.github, ...this.frame.github };
  }

  get token(): string | undefined {
    const token = this.#options.run.github["token"];
    return typeof token === "string" && token !== "" ? token : undefined;
  }

  get local(): boolean {
    return this.#options.run.parts.request.localSource !== undefined;
  }

  get terminal(): boolean {
    return this.#options.run.parts.request.terminal ?? false;
  }

  get frame(): StepFrame {
    return this.#options.frame;
  }

  get defaults(): RunDefaults {
    const { shell, workingDirectory } = this.step;
    return {
      ...this.frame.defaults,
      ...(shell === undefined ? {} : { shell }),
      ...(workingDirectory === undefined ? {} : { workingDirectory }),
    };
  }

  get saved(): Map<string, string> {
    return this.#options.saved;
  }

  join(...pieces: string[]): string {
    return this.#options.run.join(...pieces);
  }

  async text(template: Template): Promise<string> {
    return unwrap(await this.#options.run.evaluate(this.#context, (context) => evaluateText(template, context)));
  }

  async mapping(mapping: MappingTemplate): Promise<ReadonlyMap<string, string>> {
    return new Map(
      unwrap(await this.#options.run.evaluate(this.#context, (context) => evaluateMapping(mapping, context))),
    );
  }

  env(variables: ProcessVariables = {}): Promise<Record<string, string>> {
    return this.#compose(variables, this.#options.run.parts.state.path);
  }

  async #compose({ env = {}, github = {}, low = {} }: ProcessVariables, path: readonly string[]) {
    const { run, stepEnv, frame } = this.#options;
    const { environment, state, request, platform, ids } = run.parts;
    this.#files ??= await FileCommands.create(environment, ids.uuid(), platform);
    return composeStepEnv(
      {
        base: environment.baseEnv,
        low: { ...low, ...request.lowEnv },
        job: new Map([...state.env, ...frame.env]),
        step: stepEnv,
        stage: env,
        path,
        fixed: {
          ...run.fixedVariables({ ...frame.github, ...this.#githubOfStep(), ...github }),
          ...this.#files.variables(),
        },
      },
      platform,
    );
  }

  async exec(spec: Omit<StepSpec, "env">, variables: ProcessVariables = {}): Promise<StepExit> {
    const env = await this.env(variables);
    return this.environment.exec({ ...spec, env }, { signal: this.signal, output: (line) => this.#take(line) });
  }

  async runImage(spec: Omit<ActionContainerSpec, "env">, variables: ProcessVariables = {}): Promise<StepExit> {
    const env = await this.#compose(variables, []);
    const { actionContainers } = this.environment;
    if (actionContainers === undefined) throw new AppError("unavailable", "the job's place has no container engine");
    return actionContainers.run({ ...spec, env }, { signal: this.signal, output: (line) => this.#take(line) });
  }

  inside({ steps, contexts, github }: CompositeParts): StepFrame {
    const { frame, stepEnv, signal, stopReason, limitMinutes, stage, step } = this.#options;
    return {
      depth: frame.depth + 1,
      outerIndex: frame.outerIndex ?? step.index,
      steps,
      contexts,
      github: { ...this.#githubOfStep(), ...github },
      env: new Map([...frame.env, ...stepEnv]),
      defaults: {},
      ...(stage === "main" ? { own: { status: "success" } } : {}),
      enclosing: { signal, reason: stopReason, limitMinutes },
    };
  }

  end(exit: StepExit): StageEnd {
    return meaningOfExit(exit, this.#options.stopReason(), this.#options.limitMinutes);
  }

  log(text: string): Promise<void> {
    return this.#options.run.lines(this.#row, text);
  }

  output(name: string, value: string): void {
    this.changes.outputs.set(name, value);
  }

  mask(value: string): void {
    void this.#options.run.parts.emit({ type: "mask", value });
  }

  /** Reads the files of the stage into `changes`; to be called when the stage has ended. */
  async collectFiles(): Promise<void> {
    if (this.#files === undefined) return;
    const result = await this.#files.collect();
    this.changes.failures.push(...result.errors);
    for (const [name, value] of result.env) await this.#setEnv(name, value);
    for (const [name, value] of result.outputs) this.changes.outputs.set(name, value);
    for (const [name, value] of result.state) this.saved.set(name, value);
    this.changes.path.push(...result.path);
    this.changes.summary = result.summary;
  }

  /** Rows of `pre` and `post` stages stand outside of the steps: the protocol knows one range of rows per step. */
  get #row(): number | null {
    return this.stage === "main" ? (this.frame.outerIndex ?? this.step.index) : null;
  }

  #githubOfStep() {
    const { id, uses, index } = this.#options.step;
    return { action: id ?? (uses === undefined ? `__run_${index + 1}` : generatedId(uses)) };
  }

  #visibleEnv(): ReadonlyMap<string, string> {
    return new Map([...this.#options.run.parts.state.env, ...this.frame.env, ...this.#options.stepEnv]);
  }

  #take(line: string): void | Promise<void> {
    const effects = this.#commands.interpret(line);
    if (effects !== undefined) return this.#applyAll(effects);
    return this.#options.run.matchers.active ? this.#match(line) : this.#options.run.line(this.#row, line);
  }

  /** A line that completes a problem is shown as such. */
  async #match(line: string): Promise<void> {
    const { run } = this.#options;
    const found = await run.matchers.match(line);
    const annotation = found && (await matchAnnotation(found, this.#matchPlace()));
    if (annotation === undefined) return await run.line(this.#row, line);
    await run.line(this.#row, `##[${annotation.level}]${line}`);
    if (!this.#commands.countAnnotation(annotation.level)) return;
    await run.parts.emit({ type: "annotation", step: this.#row, annotation });
  }

  #matchPlace(): MatchPlace {
    const { workspace } = this.environment.paths;
    const exists = async (path: string) => {
      try {
        return (await this.environment.readFile(path, { maxBytes: MAX_SOURCE_BYTES })) !== undefined;
      } catch (error) {
        return error instanceof AppError && error.code === "exhausted";
      }
    };
    return { workspace, platform: this.platform, exists };
  }

  async #changeMatchers(effect: { owner?: string; file: string }, change: "add" | "remove"): Promise<void> {
    const { matchers } = this.#options.run;
    try {
      if (effect.owner) return await matchers.remove(effect.owner);
      const path = this.join(this.environment.paths.workspace, effect.file);
      const source = await this.environment.readFile(path, { maxBytes: MAX_SOURCE_BYTES });
      if (source === undefined) throw new AppError("not_found", `there is no problem matcher ${path}`);
      // loaded by who uses it: with its checks come a hundred modules, and every start would pay for them
      const { parseMatchers } = await import("./matcher-file.ts");
      const definitions = parseMatchers(source.toString("utf8"), effect.file);
      if (change === "add") await matchers.add(definitions);
      else for (const { owner } of definitions) await matchers.remove(owner);
    } catch (error) {
      this.changes.failures.push(toAppError(error).message);
    }
  }

  async #applyAll(effects: readonly CommandEffect[]): Promise<void> {
    for (const effect of effects) await this.#apply(effect);
  }

  #apply(effect: CommandEffect): void | Promise<void> {
    switch (effect.kind) {
      case "line":
        return this.#options.run.line(this.#row, effect.text);
      case "mask":
        return this.mask(effect.value);
      case "output":
        return this.output(effect.name, effect.value);
      case "state":
        this.saved.set(effect.name, effect.value);
        return;
      case "env":
        return this.#setEnv(effect.name, effect.value);
      case "path":
        this.changes.path.push(effect.directory);
        return;
      case "annotation":
        return this.#options.run.parts.emit({ type: "annotation", step: this.#row, annotation: effect.annotation });
      case "fail":
        this.changes.failures.push(effect.message);
        return;
      case "add-matcher":
        return this.#changeMatchers(effect, "add");
      case "remove-matcher":
        return this.#changeMatchers(effect, "remove");
    }
  }

  #setEnv(name: string, value: string): void | Promise<void> {
    if (REFUSED_ENV.has(name.toUpperCase())) {
      const message = `Can't store ${name} through GITHUB_ENV: set it in the 'env' of the steps that need it.`;
      return this.#options.run.line(this.#row, `##[error]${message}`);
    }
    this.changes.env.set(name, value);
  }
}

/** `github.action` of an action without an id: `__owner_repo`, or `__self` for one of the workspace. */
function generatedId(uses: string): string {
  const name = uses.replace(/^[a-z]+:\/\/(?=.*@)[^/]*\//i, "").replace(/@.*$/, "");
  return name.startsWith(".") ? "__self" : `__${name.replaceAll(/[^A-Za-z0-9_-]+/g, "_")}`;
}

function unwrap<T>(evaluated: Evaluated<T>): T {
  if (!evaluated.ok) throw new AppError("invalid", evaluated.message);
  return evaluated.value;
}

function relativeTo(workspace: string, file: string): string {
  for (const separator of ["/", "\\"]) {
    if (file.startsWith(workspace + separator)) return file.slice(workspace.length + 1);
  }
  return file;
}
