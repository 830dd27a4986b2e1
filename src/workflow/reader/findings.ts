import type { Diagnostic, Range } from "../diagnostic.ts";

/** Most findings that are kept; a file with more is probably not a workflow. */
const MAX_FINDINGS = 100;

/** Collects what is wrong with a file, so that its author sees every mistake at once, up to 100 of them. */
export class Findings {
  readonly #unique = new Map<string, Diagnostic>();
  #failed = false;
  #dropped: Range | undefined;

  /** Adds a mistake that keeps the file from running. */
  error(code: string, message: string, range: Range): void {
    this.#failed = true;
    this.#add({ severity: "error", code, message, range });
  }

  /** Adds a remark. */
  warning(code: string, message: string, range: Range): void {
    this.#add({ severity: "warning", code, message, range });
  }

  /** Whether an error was added. */
  get failed(): boolean {
    return this.#failed;
  }

  /** What was found, in file order, each finding once (an alias shows its mistakes at every use). */
  sorted(): Diagnostic[] {
    const found = [...this.#unique.values()].sort(
      (a, b) => a.range.line - b.range.line || a.range.column - b.range.column,
    );
    if (this.#dropped === undefined) return found;
    const message = `There are more than ${MAX_FINDINGS} findings; correct these first`;
    const severity = this.#failed ? "error" : "warning";
    return [...found, { severity, code: "too-many-findings", message, range: this.#dropped }];
  }

  #add(finding: Diagnostic): void {
    if (this.#unique.size >= MAX_FINDINGS) {
      this.#dropped ??= finding.range;
      return;
    }
    const { message, range } = finding;
    this.#unique.set(`${range.line}:${range.column} ${message}`, finding);
  }
}
