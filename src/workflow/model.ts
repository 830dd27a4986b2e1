import type { Range } from "./diagnostic.ts";
import type { Expression } from "./expressions/syntax.ts";

/**
 * A piece of a workflow before its evaluation. A scalar that is exactly one `${{ }}` is `expression` and keeps its
 * type; text around expressions is `text` and gives a string. The key `${{ insert }}` of a mapping is a `kind: "insert"`
 * key and merges its value.
 */
export type Template =
  | { readonly kind: "literal"; readonly value: null | boolean | number | string; readonly range: Range }
  | { readonly kind: "expression"; readonly expression: Expression; readonly range: Range }
  | { readonly kind: "text"; readonly parts: readonly (string | Expression)[]; readonly range: Range }
  | { readonly kind: "sequence"; readonly items: readonly Template[]; readonly range: Range }
  | { readonly kind: "mapping"; readonly entries: readonly MappingEntry[]; readonly range: Range };

/** One key of a mapping. */
export interface MappingEntry {
  readonly key: Template | { readonly kind: "insert"; readonly range: Range };
  readonly value: Template;
}

/** A mapping whose keys are names and whose values are evaluated where they are used (`env`, `with`, `outputs`). */
export type MappingTemplate = Extract<Template, { kind: "mapping" }> | Extract<Template, { kind: "expression" }>;

/** A condition (`if`), already wrapped: `success() && (…)` where no status function stands in it. */
export interface Condition {
  readonly expression: Expression;
  /** The text as it stands in the file, for logs. */
  readonly source: string;
  readonly range: Range;
}

/** `defaults.run` of a workflow or job. */
export interface RunDefaults {
  readonly shell?: Template;
  readonly workingDirectory?: Template;
}

/** A step of a job. Exactly one of `run` and `uses` is present. */
export interface Step {
  /** Position in the job, from 0; the id of the step in the runner protocol. */
  readonly index: number;
  /** The `id` key; absent when the file has none. */
  readonly id?: string;
  readonly name?: Template;
  readonly if?: Condition;
  readonly env?: MappingTemplate;
  readonly continueOnError?: Template;
  readonly timeoutMinutes?: Template;
  readonly run?: Template;
  readonly shell?: Template;
  readonly workingDirectory?: Template;
  readonly uses?: string;
  readonly with?: MappingTemplate;
  readonly range: Range;
}

/** `strategy` of a job; `matrix` may be an expression over `needs`. */
export interface Strategy {
  readonly matrix?: Template;
  readonly failFast?: Template;
  readonly maxParallel?: Template;
  readonly range: Range;
}

/** When a job whose runner is lost is done again: never, if none of its steps had started, or always. */
export const REQUEUE_WORDS = ["never", "unstarted", "always"] as const;

/** One of them. */
export type RequeueWord = (typeof REQUEUE_WORDS)[number];

/** A job as the file defines it. */
export interface JobDefinition {
  /** Key below `jobs`. */
  readonly id: string;
  /** Place of that key; the parser always gives it. */
  readonly idRange?: Range;
  readonly name?: Template;
  /** Ids of the jobs this one needs, as spelt below `jobs`. */
  readonly needs: readonly string[];
  readonly if?: Condition;
  /** Absent only for a job with `uses`. */
  readonly runsOn?: Template;
  readonly strategy?: Strategy;
  readonly env?: MappingTemplate;
  readonly defaults: RunDefaults;
  readonly outputs?: MappingTemplate;
  readonly timeoutMinutes?: Template;
  readonly cancelTimeoutMinutes?: Template;
  /** Whether the job waits for another runner when its own is lost. @default what the repository says */
  readonly requeue?: RequeueWord;
  readonly continueOnError?: Template;
  readonly container?: Template;
  readonly services?: Template;
  readonly concurrency?: Template;
  readonly environment?: Template;
  readonly permissions?: Template;
  /** A reusable workflow. */
  readonly uses?: string;
  /** Place of that value. */
  readonly usesRange?: Range;
  /** Inputs of the called workflow; unlike those of a step they keep their types. */
  readonly with?: MappingTemplate;
  /** Secrets of the called workflow by name, or the word `inherit`. */
  readonly secrets?: Template;
  readonly steps: readonly Step[];
  readonly range: Range;
}

/** A parsed workflow file. */
export interface Workflow {
  readonly name?: string;
  readonly runName?: Template;
  /** Triggers by event name; the configuration is kept as data (null where the file gives none). */
  readonly on: ReadonlyMap<string, Template | null>;
  readonly env?: MappingTemplate;
  readonly defaults: RunDefaults;
  readonly concurrency?: Template;
  readonly permissions?: Template;
  readonly jobs: ReadonlyMap<string, JobDefinition>;
}
