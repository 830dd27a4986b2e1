import { Mutex } from "../../lib/mutex.ts";
import type { Result } from "../../protocol/messages.ts";
import type { Emit, JobEvent } from "../engine/job-event.ts";
import { type FlushEnd, LogSender } from "./log-sender.ts";
import type { ReportParts } from "./report-parts.ts";
import { RowSpool } from "./row-spool.ts";
import { StateSender } from "./state-sender.ts";
import { TaskProgress } from "./task-progress.ts";

/** What a reporter is made of. */
export interface ReporterOptions extends Omit<ReportParts, "mutex"> {
  /** Number of steps of the job. */
  readonly steps: number;
  /** File for rows that the memory does not hold. */
  readonly spoolFile: string;
  /** The runner shuts down: the last reports get 30 s each instead of `giveUpMs`. @default never */
  readonly hurry?: AbortSignal;
  /** Called when the server has ended the task by itself, perhaps several times. */
  readonly onServerResult: (result: Result) => void;
}

const HURRY_MS = 30_000;
/** So many UTF-16 units take at most 63 KiB as UTF-8. */
const MAX_ROW_LENGTH = 21_000;

/**
 * Reports one task to the server. While the job runs nothing is lost when the server is away; a full buffer is the only
 * limit. `finish` sends the last row, then the result, each on its own deadline.
 */
export class Reporter implements AsyncDisposable {
  readonly #options: ReporterOptions;
  readonly #spool: RowSpool;
  readonly #progress: TaskProgress;
  readonly #log: LogSender;
  readonly #state: StateSender;
  readonly #loops = new AbortController();
  readonly #running: Promise<unknown>;

  /** Starts reporting at once. */
  constructor(options: ReporterOptions) {
    this.#options = options;
    const parts: ReportParts = { ...options, mutex: new Mutex() };
    this.#spool = new RowSpool({ file: options.spoolFile });
    this.#progress = new TaskProgress(options.taskId, options.steps, options.clock.now());
    this.#log = new LogSender(parts, this.#spool);
    this.#state = new StateSender(parts, this.#progress, options.onServerResult);
    const { signal } = this.#loops;
    this.#running = Promise.all([this.#log.run({ signal }), this.#state.run({ signal })]);
  }

  /** Takes the job's events, secrets already replaced. */
  readonly emit: Emit = (event: JobEvent) => {
    if (event.type === "line") return this.#takeLine(event);
    const urgent = this.#progress.apply(event, this.#spool.end);
    if (urgent) this.#state.notify();
    if (event.type === "output") this.#state.output(event.name, event.value);
  };

  /** A long line becomes several rows: servers cut rows at 64 KiB. */
  #takeLine(event: Extract<JobEvent, { type: "line" }>): void | Promise<void> {
    const [first = "", ...more] = event.text.length <= MAX_ROW_LENGTH ? [event.text] : cutRow(event.text);
    const pushed = this.#push({ ...event, text: first });
    return more.length === 0
      ? pushed
      : this.#pushAll(
          pushed,
          more.map((text) => ({ ...event, text })),
        );
  }

  async #pushAll(first: void | Promise<void>, rest: readonly Extract<JobEvent, { type: "line" }>[]): Promise<void> {
    await first;
    for (const event of rest) await this.#push(event);
  }

  #push(event: Extract<JobEvent, { type: "line" }>): void | Promise<void> {
    this.#progress.apply(event, this.#spool.end);
    const pushed = this.#spool.push({ at: event.at, text: event.text });
    this.#log.notify();
    return pushed;
  }

  /** Sends what is left and the result. Never rejects; does not take the job's signal. */
  async finish(): Promise<FlushEnd> {
    await this.#stopLoops();
    const log = await this.#withDeadline((signal) => this.#log.finish({ signal }));
    if (log === "unregistered") return log;
    return this.#withDeadline((signal) => this.#state.finish({ signal }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopLoops();
    await this.#spool[Symbol.asyncDispose]();
  }

  async #stopLoops(): Promise<void> {
    this.#loops.abort();
    await this.#running;
  }

  async #withDeadline<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, timing, hurry } = this.#options;
    const deadline = new AbortController();
    using stack = new DisposableStack();
    const giveUpIn = (ms: number) => stack.use(clock.timer(ms, () => deadline.abort()));
    const onHurry = () => giveUpIn(Math.min(HURRY_MS, timing.giveUpMs));
    giveUpIn(timing.giveUpMs);
    if (hurry?.aborted) onHurry();
    hurry?.addEventListener("abort", onHurry, { once: true });
    stack.defer(() => hurry?.removeEventListener("abort", onHurry));
    return await work(deadline.signal);
  }
}

function cutRow(text: string): string[] {
  const rows: string[] = [];
  for (let from = 0; from < text.length; ) {
    const last = text.charCodeAt(from + MAX_ROW_LENGTH - 1);
    // a surrogate pair stays together
    const to = from + MAX_ROW_LENGTH - (last >= 0xd800 && last <= 0xdbff ? 1 : 0);
    rows.push(text.slice(from, to));
    from = to;
  }
  return rows;
}
