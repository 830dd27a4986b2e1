import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../../src/protocol/headers.ts";
import { LogRowSchema, Result, RunnerService, type Task, type TaskStateSchema } from "../../src/protocol/messages.ts";

/** What a stock runner is, and how it differs from the others. */
export interface StockRunnerOptions {
  /** Where it calls. */
  readonly url: string;
  readonly identity: { readonly uuid: string; readonly token: string };
  /** Rows that a task says; it takes a tick for each batch. */
  readonly batches: (task: Task) => readonly (readonly string[])[];
  /** Pause after an empty poll, and between two reports. @default 1 s, as in act_runner and forgejo-runner */
  readonly tickMs?: number;
  /** Deadline of FetchTask. @default 5 s */
  readonly fetchTimeoutMs?: number;
  /** The result goes out before the end of the log, as by act_runner, gitea-runner < 3 and forgejo-runner. @default false */
  readonly resultFirst?: boolean;
  /** Ends after one task. @default false */
  readonly once?: boolean;
  /** Share of the polls that it gives up while the server works on them, and of the tasks that it forgets as it gets them. @default 0 */
  readonly aborts?: number;
  readonly random?: () => number;
  /** Hears what it does. */
  readonly journal?: (entry: StockRunnerEntry) => void;
}

/** One thing that a stock runner did. */
export interface StockRunnerEntry {
  /**
   * received: FetchTask brought it; forgotten: the runner crashed before its first report; executed: its work is done,
   * reported from now on until the server answers; accepted, refused: the server's answer to the result.
   */
  readonly what: "received" | "forgotten" | "executed" | "accepted" | "refused";
  readonly task: bigint;
  /** Name of the job in its payload's context. */
  readonly job: string;
  /** Rows that were acknowledged, for accepted and refused. */
  readonly rows: number;
}

/**
 * Speaks the protocol as stock runners do: a poll with a deadline of 5 s every second, the version of the last answer
 * sent back, reports every second whether there are rows or not, everything that was not acknowledged sent again after a
 * failure, no request keys. It does no work but say rows.
 */
export class StockRunner implements Disposable {
  readonly #options: StockRunnerOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #client: Client<typeof RunnerService>;

  constructor(options: StockRunnerOptions) {
    this.#options = options;
    const identify: Interceptor = (next) => (request) => {
      request.header.set(RUNNER_UUID_HEADER, options.identity.uuid);
      request.header.set(RUNNER_TOKEN_HEADER, options.identity.token);
      return next(request);
    };
    const transport = createConnectTransport({
      ...{ baseUrl: `${options.url}/api/actions`, httpVersion: "1.1", useBinaryFormat: true },
      ...{ interceptors: [identify], nodeOptions: { agent: this.#agent } },
    });
    this.#client = createClient(RunnerService, transport);
  }

  /** Takes tasks, one after the other, until the signal aborts; the task that runs then is not finished. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { tickMs = 1_000, once = false } = this.#options;
    let version = 0n;
    while (!signal.aborted) {
      const answer = await this.#fetch(version, signal);
      version = answer?.task === undefined ? (answer?.tasksVersion ?? version) : 0n;
      if (answer?.task === undefined) await rest(tickMs, signal);
      else if (!this.#crashes(answer.task)) {
        await this.#perform(answer.task, signal);
        if (once) return;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Undefined when there was no answer. */
  async #fetch(tasksVersion: bigint, signal: AbortSignal) {
    const { fetchTimeoutMs: timeoutMs = 5_000, aborts = 0, random = Math.random } = this.#options;
    const leaves = aborts > 0 && random() < aborts;
    const patience = leaves ? AbortSignal.any([signal, AbortSignal.timeout(Math.round(random() * timeoutMs))]) : signal;
    try {
      return await this.#client.fetchTask({ tasksVersion }, { timeoutMs, signal: patience });
    } catch {
      return undefined;
    }
  }

  #crashes(task: Task): boolean {
    const { aborts = 0, random = Math.random } = this.#options;
    this.#note("received", task);
    if (aborts === 0 || random() >= aborts) return false;
    this.#note("forgotten", task);
    return true;
  }

  async #perform(task: Task, signal: AbortSignal): Promise<void> {
    const { batches, tickMs = 1_000, resultFirst = false } = this.#options;
    const log = { rows: [] as string[], acked: 0 };
    let told = await this.#state(task, {});
    for (const batch of batches(task)) {
      if (signal.aborted || told === Result.CANCELLED) break;
      log.rows.push(...batch);
      await this.#log(task, log, false);
      told = await this.#state(task, {});
      await rest(tickMs, signal);
    }
    if (signal.aborted) return;
    this.#note("executed", task);
    const result = told === Result.CANCELLED ? Result.CANCELLED : Result.SUCCESS;
    const parts = [() => this.#log(task, log, true), () => this.#result(task, result, log)];
    for (const part of resultFirst ? parts.reverse() : parts) {
      while (!signal.aborted && !(await part())) await rest(tickMs, signal);
    }
  }

  /** One UpdateLog with everything that is not acknowledged; true when all of it is. */
  async #log(task: Task, log: { rows: string[]; acked: number }, noMore: boolean): Promise<boolean> {
    const time = timestampFromMs(Date.now());
    const rows = log.rows.slice(log.acked).map((content) => create(LogRowSchema, { time, content }));
    const request = { taskId: task.id, index: BigInt(log.acked), rows, noMore };
    const answer = await this.#client.updateLog(request, { timeoutMs: 10_000 }).catch(() => undefined);
    if (answer !== undefined) log.acked = Math.max(log.acked, Number(answer.ackIndex));
    return answer !== undefined && log.acked >= log.rows.length;
  }

  /** One UpdateTask; the server's word, or undefined when there was no answer. */
  async #state(task: Task, state: MessageInitShape<typeof TaskStateSchema>): Promise<Result | undefined> {
    const startedAt = timestampFromMs(Date.now());
    const { result = Result.UNSPECIFIED } = state;
    const request = { state: { id: task.id, startedAt, steps: [{ id: 0n, startedAt, result }], ...state } };
    const answer = await this.#client.updateTask(request, { timeoutMs: 10_000 }).catch(() => undefined);
    return answer?.state?.result;
  }

  async #result(task: Task, result: Result, log: { acked: number }): Promise<boolean> {
    const word = await this.#state(task, { result, stoppedAt: timestampFromMs(Date.now()) });
    if (word === undefined) return false;
    this.#note(word === Result.SUCCESS ? "accepted" : "refused", task, log.acked);
    return true;
  }

  #note(what: StockRunnerEntry["what"], task: Task, rows = 0): void {
    const context = (task.context ?? {}) as { job?: unknown };
    this.#options.journal?.({ what, task: task.id, job: String(context.job ?? ""), rows });
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
