import { AppError } from "../../lib/errors.ts";
import type { Workflow } from "../../workflow/model.ts";
import { parseWorkflow } from "../../workflow/parse-workflow.ts";
import type { RunReads } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";

/** Parsed workflows that are kept; a run is asked for each time one of its jobs ends. */
const KEPT = 256;

/** The workflows of runs, parsed once. The source of a run never changes. */
export class RunDefinitions {
  readonly #parsed = new BoundedMap<number, Workflow>(KEPT);

  /** The workflow of a run. @throws AppError internal when the stored source no longer parses */
  async of(runs: RunReads, runId: number): Promise<Workflow> {
    const known = this.#parsed.get(runId);
    if (known !== undefined) return known;
    const { workflow } = parseWorkflow(await runs.source(runId));
    if (workflow === undefined)
      throw new AppError("internal", `the stored workflow of run ${runId} cannot be read any more`);
    this.#parsed.set(runId, workflow);
    return workflow;
  }

  /** Forgets a run that was deleted. */
  forget(runId: number): void {
    this.#parsed.delete(runId);
  }
}
