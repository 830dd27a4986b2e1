/** A stretch of a source file; lines and columns count from 1, the end is exclusive. */
export interface Range {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** One finding in a workflow file. An error keeps the file from running; a warning does not. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Stable word for the kind of finding, such as `unknown-key`. */
  readonly code: string;
  /** One sentence that names the thing and the remedy. */
  readonly message: string;
  readonly range: Range;
  /** The file of the finding, where it is not the one that was read but one that it calls. */
  readonly file?: string;
}
