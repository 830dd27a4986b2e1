import { AppError } from "../../lib/errors.ts";
import { linkCalls, type WorkflowTree } from "../../workflow/link-calls.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { CalledSource } from "../domain/run.ts";
import type { RunReads } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** Parsed workflows that are kept; a run is asked for each time one of its jobs ends. */
const KEPT = 256;

/** Longer files are read each time. */
const LARGEST_SOURCE = 64 * 1024;

/** The workflows of runs, with those that they call, parsed once. The files of a run never change. */
export class RunDefinitions {
  readonly #threads: Pick<WorkflowThreads, "readStored">;
  readonly #sources = new BoundedMap<number, string>(KEPT);
  readonly #called = new BoundedMap<number, readonly CalledSource[]>(KEPT);
  readonly #parsed = new BoundedMap<number, WorkflowTree>(KEPT);

  constructor(threads: Pick<WorkflowThreads, "readStored">) {
    this.#threads = threads;
  }

  /** The workflow of a run. @throws AppError internal when a stored source no longer parses */
  async of(runs: RunReads, runId: number): Promise<WorkflowTree> {
    const known = this.#parsed.get(runId);
    if (known !== undefined) return known;
    const workflow = await this.#read(runId, await this.source(runs, runId));
    const calls = [...workflow.jobs.values()].some(({ uses }) => uses !== undefined);
    const called = new Map<string, { workflow: Workflow; diagnostics: [] }>();
    for (const { name, source } of calls ? await this.#calledOf(runs, runId) : [])
      called.set(name, { workflow: await this.#read(runId, source), diagnostics: [] });
    const { tree } = linkCalls(workflow, called);
    if (tree === undefined) throw unreadable(runId);
    this.#parsed.set(runId, tree);
    return tree;
  }

  /** The workflow of a run, if it is at hand. */
  known(runId: number): WorkflowTree | undefined {
    return this.#parsed.get(runId);
  }

  /** A workflow file of a run: its own, or one that it calls, by its name. @throws AppError internal when it is not there */
  async source(runs: RunReads, runId: number, name?: string): Promise<string> {
    if (name !== undefined) {
      const found = (await this.#calledOf(runs, runId)).find((file) => file.name === name);
      if (found === undefined) throw unreadable(runId);
      return found.source;
    }
    const known = this.#sources.get(runId);
    if (known !== undefined) return known;
    const source = await runs.source(runId);
    if (source.length <= LARGEST_SOURCE) this.#sources.set(runId, source);
    return source;
  }

  /** Keeps the workflow of a run that was made just now. */
  learn(runId: number, tree: WorkflowTree): void {
    this.#parsed.set(runId, tree);
  }

  /** Forgets a run that was deleted. */
  forget(runId: number): void {
    this.#parsed.delete(runId);
    this.#sources.delete(runId);
    this.#called.delete(runId);
  }

  async #calledOf(runs: RunReads, runId: number): Promise<readonly CalledSource[]> {
    const known = this.#called.get(runId);
    if (known !== undefined) return known;
    const called = await runs.called(runId);
    if (called.reduce((sum, { source }) => sum + source.length, 0) <= LARGEST_SOURCE) this.#called.set(runId, called);
    return called;
  }

  async #read(runId: number, source: string): Promise<Workflow> {
    try {
      const { workflow } = await this.#threads.readStored(source);
      if (workflow !== undefined) return workflow;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "invalid") throw error;
    }
    throw unreadable(runId);
  }
}

function unreadable(runId: number): AppError {
  return new AppError("internal", `the stored workflow of run ${runId} cannot be read any more`);
}
