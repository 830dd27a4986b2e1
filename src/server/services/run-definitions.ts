import { AppError } from "../../lib/errors.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { RunReads } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** Parsed workflows that are kept; a run is asked for each time one of its jobs ends. */
const KEPT = 256;

/** Longer files are read each time. */
const LARGEST_SOURCE = 64 * 1024;

/** The workflows of runs, parsed once. The source of a run never changes. */
export class RunDefinitions {
  readonly #threads: Pick<WorkflowThreads, "readStored">;
  readonly #sources = new BoundedMap<number, string>(KEPT);
  readonly #parsed = new BoundedMap<number, Workflow>(KEPT);

  constructor(threads: Pick<WorkflowThreads, "readStored">) {
    this.#threads = threads;
  }

  /** The workflow of a run. @throws AppError internal when the stored source no longer parses */
  async of(runs: RunReads, runId: number): Promise<Workflow> {
    const known = this.#parsed.get(runId);
    if (known !== undefined) return known;
    const workflow = await this.#read(await this.source(runs, runId));
    if (workflow === undefined)
      throw new AppError("internal", `the stored workflow of run ${runId} cannot be read any more`);
    this.#parsed.set(runId, workflow);
    return workflow;
  }

  /** The workflow file of a run. */
  async source(runs: RunReads, runId: number): Promise<string> {
    const known = this.#sources.get(runId);
    if (known !== undefined) return known;
    const source = await runs.source(runId);
    if (source.length <= LARGEST_SOURCE) this.#sources.set(runId, source);
    return source;
  }

  /** Keeps the workflow of a run that was made just now. */
  learn(runId: number, workflow: Workflow): void {
    this.#parsed.set(runId, workflow);
  }

  /** Forgets a run that was deleted. */
  forget(runId: number): void {
    this.#parsed.delete(runId);
    this.#sources.delete(runId);
  }

  async #read(source: string): Promise<Workflow | undefined> {
    try {
      return (await this.#threads.readStored(source)).workflow;
    } catch (error) {
      if (error instanceof AppError && error.code === "invalid") return undefined;
      throw error;
    }
  }
}
