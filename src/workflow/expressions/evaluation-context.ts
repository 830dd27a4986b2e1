import type { ExprValue } from "./value.ts";

/** A function that the place of the expression provides, such as `success()`. */
export type ExprFunction = (args: readonly ExprValue[]) => ExprValue;

/** What an expression may read. */
export interface EvaluationContext {
  /** Contexts by lower-case name. `gitea`, `forge` and `forgejo` read `github`. One that is missing is null. */
  readonly contexts: ReadonlyMap<string, ExprValue>;
  /** Status functions by lower-case name; one that is not here is an error when it is called. */
  readonly functions?: ReadonlyMap<string, ExprFunction>;
  /** Results of `hashFiles`, by `hashKey(patterns)`; one that is missing makes the evaluation throw `NeedsHash`. */
  readonly hashes?: ReadonlyMap<string, string>;
  /** Bytes that the values made by one expression may take, at most 10 MiB. @default 1 MiB; 10 MiB for templates */
  readonly maxMemory?: number;
}
