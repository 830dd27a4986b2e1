// A small runner for web pages, made from our .proto with connect-web: it speaks gRPC-Web by `fetch`, takes tasks from a
// stream, runs them, stops one that is cancelled, and reports. Works in browsers, workers and Node alike.
//
// The modules below gen/ are made from proto/ by `buf generate`; docs/protocol.md says how.
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { GoAway_Reason, TaskStreamService } from "../../../gen/actrunner/v1/task_stream_pb.js";
import { Result, type Task } from "../../../gen/runner/v1/messages_pb.js";
import { RunnerService } from "../../../gen/runner/v1/services_pb.js";

/** How long to wait before a call or a stream is tried again. A real runner adds jitter and backs off. */
const PAUSE_MS = 1_000;
/** How often rows are sent. */
const LATENCY_MS = 200;
/** How often a running task is reported at least; the server gives it up after 120 s of silence. */
const HEARTBEAT_MS = 20_000;
/** Rows of one call: proxies often take no more than 1 MiB. */
const MOST_ROWS = 1_000;

/** Who a registered runner is; the token is a secret. */
export interface Identity {
  readonly uuid: string;
  readonly token: string;
}

/**
 * The place for what your runner does: says the lines of a task, rejects when it fails, and ends soon when the signal
 * aborts.
 */
export type Work = (task: Task, say: (line: string) => void, signal: AbortSignal) => Promise<void>;

/** Something that happened: a message of the stream by its name, or the end of a task. */
export type RunnerEvent =
  | { readonly event: "offer" | "cancel" | "drain" | "token" | "goaway" | "keepAlive"; readonly taskId?: bigint }
  | { readonly event: "finished"; readonly taskId: bigint; readonly result: Result }
  | { readonly event: "broken"; readonly error: ConnectError };

/** Registers a runner at the address of a server, with a registration token. */
export async function register(url: string, name: string, labels: string[], token: string): Promise<Identity> {
  const { runner } = await createClient(RunnerService, transport(url)).register({ name, labels, token, version: "1" });
  if (runner === undefined) throw new Error("the server registered nothing");
  return { uuid: runner.uuid, token: runner.token };
}

/**
 * Takes tasks, one at a time, until the signal aborts and the last one has ended.
 * @throws ConnectError when the server does not know the runner, or has no streams: then go on with FetchTask
 */
export async function takeTasks(
  url: string,
  identity: Identity,
  work: Work,
  options: { labels: string[]; signal: AbortSignal; onEvent?: (event: RunnerEvent) => void },
): Promise<void> {
  const { labels, signal, onEvent = () => undefined } = options;
  const way = transport(url, identity);
  const client = createClient(RunnerService, way);
  const streams = createClient(TaskStreamService, way);
  // "cancelling": this runner ends a cancelled task by itself and reports its result.
  await client.declare({ version: "1", labels, capabilities: ["cancelling"] });
  let running: RunningTask | undefined;
  while (!signal.aborted) {
    let pauseMs = PAUSE_MS;
    try {
      const heldTaskIds = running?.over === false ? [running.id] : [];
      for await (const { message } of streams.streamTasks({ capacity: 1, heldTaskIds }, { signal })) {
        if (message.case === undefined) continue;
        const { taskId = undefined } = message.case === "cancel" ? message.value : {};
        onEvent({ event: message.case, ...(taskId === undefined ? {} : { taskId }) });
        // An offer of the task that runs may come again.
        if (message.case === "offer" && message.value.task !== undefined && running?.over !== false) {
          running = new RunningTask(client, message.value.task, work, onEvent);
        } else if (message.case === "cancel" && running?.id === taskId) running?.stop();
        else if (message.case === "goaway") {
          if (message.value.reason === GoAway_Reason.REPLACED) throw new Error("another process has this identity");
          // The task goes on while the next stream opens.
          pauseMs = message.value.reconnectAfterMs;
        }
      }
    } catch (error) {
      if (signal.aborted) break;
      // Only these are final; everything else may pass.
      if (
        !(error instanceof ConnectError) ||
        error.code === Code.Unauthenticated ||
        error.code === Code.Unimplemented
      ) {
        throw error;
      }
      onEvent({ event: "broken", error });
    }
    await pause(pauseMs);
  }
  await running?.ended;
}

/** One task: acknowledged, its rows sent while it works, then the end of the log, then the result. */
class RunningTask {
  readonly id: bigint;
  readonly ended: Promise<void>;
  over = false;
  readonly #client: Client<typeof RunnerService>;
  readonly #abort = new AbortController();
  readonly #startedAt = timestampNow();
  #rows: { time: ReturnType<typeof timestampNow>; content: string }[] = [];
  #acked = 0;

  constructor(client: Client<typeof RunnerService>, task: Task, work: Work, onEvent: (event: RunnerEvent) => void) {
    this.id = task.id;
    this.#client = client;
    this.ended = this.#perform(task, work)
      .then((result) => onEvent({ event: "finished", taskId: task.id, result }))
      .catch((error) => onEvent({ event: "broken", error: ConnectError.from(error) }))
      .finally(() => {
        this.over = true;
      });
  }

  stop(): void {
    this.#abort.abort();
  }

  async #perform(task: Task, work: Work): Promise<Result> {
    const { signal } = this.#abort;
    // Within 10 s, or the task is offered again: this is the acknowledgement.
    await this.#report(Result.UNSPECIFIED);
    let result: Result | undefined;
    const worked = work(task, (line) => this.#rows.push({ time: timestampNow(), content: line }), signal)
      .then(() => Result.SUCCESS)
      .catch(() => Result.FAILURE)
      .then((end) => {
        result = signal.aborted ? Result.CANCELLED : end;
      });
    for (let reportedAt = Date.now(); result === undefined; ) {
      await Promise.race([worked, pause(LATENCY_MS)]);
      if (this.#rows.length > 0) await this.#flush(false);
      if (Date.now() - reportedAt < HEARTBEAT_MS) continue;
      await this.#report(Result.UNSPECIFIED);
      reportedAt = Date.now();
    }
    await this.#flush(true);
    // Only now: the result comes after the last row.
    return await this.#report(result);
  }

  /** Returns the result as the server has it. */
  async #report(result: Result): Promise<Result> {
    const times = {
      startedAt: this.#startedAt,
      ...(result === Result.UNSPECIFIED ? {} : { stoppedAt: timestampNow() }),
    };
    const step = { id: 0n, result, logLength: BigInt(this.#acked), ...times };
    const request = { state: { id: this.id, result, steps: [step], ...times } };
    const { state } = await repeated(() => this.#client.updateTask(request));
    // What a stream says by `cancel` is in this answer, too.
    if (state?.result === Result.CANCELLED) this.stop();
    return state?.result ?? Result.UNSPECIFIED;
  }

  /** Sends rows until all of them are on the server's disk. */
  async #flush(end: boolean): Promise<void> {
    do {
      const rows = this.#rows.slice(0, MOST_ROWS);
      const noMore = end && rows.length === this.#rows.length;
      const request = { taskId: this.id, index: BigInt(this.#acked), rows, noMore };
      const { ackIndex } = await repeated(() => this.#client.updateLog(request));
      const taken = Math.min(Number(ackIndex) - this.#acked, rows.length);
      this.#rows = this.#rows.slice(taken);
      this.#acked += taken;
    } while (this.#rows.length > 0);
  }
}

/** Makes a call until it succeeds: a repeated call does no harm. Only "the runner is not known" is final. */
async function repeated<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (ConnectError.from(error).code === Code.Unauthenticated) throw error;
      await pause(PAUSE_MS);
    }
  }
}

function transport(url: string, identity?: Identity) {
  const identify: Interceptor = (next) => (request) => {
    // Every call but Ping and Register says who it is.
    if (identity !== undefined) {
      request.header.set("x-runner-uuid", identity.uuid);
      request.header.set("x-runner-token", identity.token);
    }
    return next(request);
  };
  return createGrpcWebTransport({ baseUrl: `${url}/api/actions`, interceptors: [identify] });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
