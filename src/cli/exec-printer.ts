import type { JobEvent, Outcome } from "../runner/engine/job-event.ts";
import type { LocalPrinter } from "../runner/run-local.ts";
import type { Diagnostic } from "../workflow/diagnostic.ts";
import type { CliContext } from "./cli-context.ts";
import type { Colours } from "./colours.ts";
import { JobLines } from "./job-lines.ts";
import { PacedOutput } from "./paced-output.ts";
import { parseLogRow } from "./render-log-line.ts";
import { plainText, sanitize } from "./sanitize.ts";
import { statePaint } from "./state-words.ts";

/** `file:line:column: error: message` for each finding. */
export function formatDiagnostics(file: string, diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map(({ range, severity, message }) =>
    sanitize(`${file}:${range.line}:${range.column}: ${severity}: ${message}`),
  );
}

/** Prints a local run as lines for people. `failures` has a sentence for each failed job. */
export class ExecPrinter implements LocalPrinter {
  readonly failures: string[] = [];
  readonly #context: CliContext;
  readonly #output: PacedOutput;
  readonly #colours: Colours;
  readonly #lines: JobLines;
  readonly #steps = new Map<string, string>();
  readonly #failed = new Map<string, string>();
  readonly #lastErrors = new Map<string, string>();

  constructor(context: CliContext, colours: Colours) {
    this.#context = context;
    this.#colours = colours;
    this.#output = new PacedOutput(context.stdout);
    this.#lines = new JobLines(this.#output, colours);
  }

  problems(file: string, diagnostics: readonly Diagnostic[]): void {
    for (const line of formatDiagnostics(file, diagnostics)) this.#context.stderr.write(`${line}\n`);
  }

  jobStarted(name: string): void {
    this.#lines.remark(name, "started", this.#colours.dim);
  }

  event(name: string, event: JobEvent): void | Promise<void> {
    if (event.type === "line") {
      const row = parseLogRow(event.text);
      if (row.kind === "error") this.#lastErrors.set(name, plainText(row.text));
      this.#lines.row(name, event.text);
    }
    if (event.type === "step-started") this.#steps.set(`${name}\n${event.step}`, event.name);
    if (event.type === "step-finished" && event.conclusion === "failure" && !this.#failed.has(name)) {
      this.#failed.set(name, this.#steps.get(`${name}\n${event.step}`) ?? "");
    }
    return this.#output.full;
  }

  jobFinished(name: string, result: Outcome, why?: string): void {
    const state = { status: "completed", conclusion: result };
    this.#lines.remark(name, why === undefined ? result : `${result}: ${why}`, statePaint(state, this.#colours));
    if (result !== "failure") return;
    const step = this.#failed.get(name);
    const last = this.#lastErrors.get(name);
    const where = step === undefined ? "" : ` in step "${step}"`;
    this.failures.push(sanitize(`job "${name}" failed${where}${last === undefined ? "" : `: ${last}`}`));
  }
}

/** Prints every event as a line of JSON. */
export class ExecJsonPrinter implements LocalPrinter {
  readonly failures: readonly string[] = [];
  readonly #output: PacedOutput;

  constructor({ stdout }: CliContext) {
    this.#output = new PacedOutput(stdout);
  }

  problems(file: string, diagnostics: readonly Diagnostic[]): void {
    this.#print({ type: "problems", file, diagnostics });
  }

  jobStarted(job: string): void {
    this.#print({ type: "job-started", job });
  }

  event(job: string, event: JobEvent): void | Promise<void> {
    if (event.type !== "mask" && event.type !== "job-finished") this.#print({ job, ...event });
    return this.#output.full;
  }

  jobFinished(job: string, result: Outcome, why?: string): void {
    this.#print({ type: "job-finished", job, result, why });
  }

  #print(value: object): void {
    this.#output.write(`${JSON.stringify(value)}\n`);
  }
}
