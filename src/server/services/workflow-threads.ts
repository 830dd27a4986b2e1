import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { WorkerPool } from "../../lib/worker-pool.ts";
import type { CalledSource } from "../domain/run.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { PlannedRun } from "./plan-jobs.ts";
import type { PayloadLeg, PlanFacts, ReadWorkflow, WorkflowAnswer, WorkflowAsk } from "./workflow-calls.ts";

/** A file at the limits of the language takes 1 to 3 s on a slow machine. */
const LIMIT_MS = 10_000;
const MOST_WAITING = 2_000;
/** Characters of payloads that are kept, and of the files they come from. */
const KEPT_CHARACTERS = 16 * 1024 * 1024;

/** The worker file beside this one: `.ts` when run from source, `.js` when built. */
const WORKER_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "./workflow-worker.ts" : "./workflow-worker.js",
  import.meta.url,
);

/**
 * Reads workflow files in threads with a time limit: a file that takes seconds stops nobody. What is submitted and
 * what is handed out have threads of their own, so that hostile submissions do not hold up jobs that are ready.
 */
export class WorkflowThreads implements AsyncDisposable {
  readonly #submitted: WorkerPool<WorkflowAsk, WorkflowAnswer>;
  readonly #handedOut: WorkerPool<WorkflowAsk, WorkflowAnswer>;
  /** Numbers of files: most runs of a repository have the workflow of the run before. */
  readonly #files = new BoundedMap<string, number>(KEPT_CHARACTERS, (source) => source.length);
  #lastFile = 0;
  /** Payloads by what they are made of. */
  readonly #payloads = new BoundedMap<string, string>(KEPT_CHARACTERS, (key, text) => key.length + text.length);
  /** Those that are being made. */
  readonly #making = new Map<string, Promise<string>>();

  constructor(clock: Clock) {
    const options = { file: WORKER_FILE, threads: 1, mostWaiting: MOST_WAITING, limit: { clock, ms: LIMIT_MS } };
    this.#submitted = new WorkerPool({ ...options, name: "workflow files" });
    this.#handedOut = new WorkerPool({ ...options, name: "job payloads" });
  }

  /** Reads a file that is submitted. @throws AppError invalid when that takes too long; unavailable, exhausted */
  async read(source: string): Promise<ReadWorkflow> {
    return (await inTime(this.#submitted.ask({ kind: "read", source }))) as ReadWorkflow;
  }

  /** Plans a run of a file that `read` found sound. @throws AppError invalid when that takes too long; unavailable, exhausted */
  async plan(source: string, called: readonly CalledSource[], facts: PlanFacts): Promise<PlannedRun> {
    return (await inTime(this.#submitted.ask({ kind: "plan", source, called, facts }))) as PlannedRun;
  }

  /** Reads the file of a run that exists. @throws AppError invalid when that takes too long; unavailable, exhausted */
  async readStored(source: string): Promise<ReadWorkflow> {
    return (await inTime(this.#handedOut.ask({ kind: "read", source }))) as ReadWorkflow;
  }

  /** See `openPayloads`. @throws AppError invalid or not_found as that says; unavailable, exhausted */
  async payload(source: string, jobId: string, leg: PayloadLeg, workflowName?: string): Promise<string> {
    const { name, runsOn, matrix } = leg;
    const wanted = { jobId, leg: { name, runsOn, matrix }, workflowName };
    const key = `${this.#fileOf(source)} ${JSON.stringify(wanted)}`;
    const ask = { kind: "payload", source, ...wanted } as const;
    return this.#payloads.get(key) ?? (await (this.#making.get(key) ?? this.#make(key, ask)));
  }

  /** A short name for the file: the long text is looked up once for each payload. */
  #fileOf(source: string): number {
    const file = this.#files.get(source) ?? ++this.#lastFile;
    this.#files.set(source, file);
    return file;
  }

  #make(key: string, ask: WorkflowAsk): Promise<string> {
    const making = (async () => {
      try {
        const payload = (await inTime(this.#handedOut.ask(ask))) as string;
        this.#payloads.set(key, payload);
        return payload;
      } finally {
        this.#making.delete(key);
      }
    })();
    this.#making.set(key, making);
    return making;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#submitted[Symbol.asyncDispose](), this.#handedOut[Symbol.asyncDispose]()]);
  }
}

/** Time is the file's fault, and would be the next time, too. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "timeout") throw error;
    throw new AppError("invalid", "the workflow file takes too long to read; make it smaller and simpler", error);
  }
}
