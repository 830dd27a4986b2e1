import type { Diagnostic, Range } from "../diagnostic.ts";

/** Collects what is wrong with a file, so that its author sees every mistake at once. */
export class Findings {
  readonly list: Diagnostic[] = [];

  /** Adds a mistake that keeps the file from running. */
  error(code: string, message: string, range: Range): void {
    this.list.push({ severity: "error", code, message, range });
  }

  /** Adds a remark. */
  warning(code: string, message: string, range: Range): void {
    this.list.push({ severity: "warning", code, message, range });
  }

  /** Whether an error was added. */
  get failed(): boolean {
    return this.list.some(({ severity }) => severity === "error");
  }

  /** What was found, in file order, each finding once (an alias shows its mistakes at every use). */
  sorted(): Diagnostic[] {
    const unique = new Map(this.list.map((finding) => [JSON.stringify([finding.message, finding.range]), finding]));
    return [...unique.values()].sort((a, b) => a.range.line - b.range.line || a.range.column - b.range.column);
  }
}
