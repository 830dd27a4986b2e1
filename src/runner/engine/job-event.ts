/** How a step or job ended; the words are those of the `steps` and `needs` contexts. */
export type Outcome = "success" | "failure" | "cancelled" | "skipped";

/** How serious an annotation is. */
export type AnnotationLevel = "error" | "warning" | "notice";

/** A remark of a step on the run or on a place in a file. */
export interface Annotation {
  readonly level: AnnotationLevel;
  readonly message: string;
  readonly title?: string;
  /** Relative to the workspace where it lies below it. */
  readonly file?: string;
  readonly line?: number;
  readonly endLine?: number;
  readonly column?: number;
  readonly endColumn?: number;
}

/**
 * What the engine says while it runs a job; the only way from the engine to the outside. `step` is the step's index in
 * the job, or null for rows before the first step and after the last ("Set up job", post stages, "Complete job").
 * `at` is in epoch milliseconds. Order: mask* … (step-started line* step-finished)* … output* job-finished, which is the last.
 */
export type JobEvent =
  | { readonly type: "line"; readonly step: number | null; readonly text: string; readonly at: number }
  | { readonly type: "mask"; readonly value: string }
  | { readonly type: "step-started"; readonly step: number; readonly name: string; readonly at: number }
  | {
      readonly type: "step-finished";
      readonly step: number;
      readonly outcome: Outcome;
      readonly conclusion: Outcome;
      readonly at: number;
    }
  | { readonly type: "annotation"; readonly step: number | null; readonly annotation: Annotation }
  | { readonly type: "summary"; readonly step: number; readonly markdown: string }
  | { readonly type: "output"; readonly name: string; readonly value: string }
  | { readonly type: "job-finished"; readonly result: Outcome; readonly at: number };

/** Takes the events of one job, in order. A returned promise pushes back: the engine waits for it before the next line. */
export type Emit = (event: JobEvent) => void | Promise<void>;
