import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  REQUEST_KEY_HEADER,
  RPC_PREFIX,
  RUNNER_TOKEN_HEADER,
  RUNNER_UUID_HEADER,
} from "../../../src/protocol/headers.ts";
import {
  type DeclareRequest,
  type FetchTaskRequest,
  PingService,
  type RegisterRequest,
  Result,
  RunnerService,
  type Task,
  type TaskNeed,
  TaskNeedSchema,
  TaskSchema,
  type TaskState,
  type UpdateLogRequest,
  type UpdateTaskRequest,
} from "../../../src/protocol/messages.ts";
import { serveGit } from "./git-backend.ts";

/** The methods whose calls are recorded and can be disturbed. */
export type Method = "ping" | "register" | "declare" | "fetchTask" | "updateTask" | "updateLog";

/** A recorded call. */
export interface RecordedCall {
  readonly method: Method;
  readonly headers: Headers;
  readonly request: unknown;
  readonly at: number;
}

/** What the server knows of a task. */
export interface FakeTask {
  readonly task: Task;
  readonly rows: { at: number; text: string }[];
  logClosed: boolean;
  /** Rows the log had when the result came; a result before the last row is a fault of the runner. */
  rowsAtResult: number | undefined;
  state: TaskState | undefined;
  result: Result;
  /** Set by `cancel`: told in every answer until the runner reports its result. */
  cancelling: boolean;
  readonly outputs: Map<string, string>;
  handedOut: number;
}

/** A task to hand out. */
export interface TaskScript {
  /** The workflow, with exactly one job. */
  readonly workflow: string;
  readonly context?: JsonObject;
  readonly secrets?: Record<string, string>;
  readonly vars?: Record<string, string>;
  readonly needs?: Record<string, Pick<TaskNeed, "result" | "outputs">>;
}

/**
 * Gitea as a runner sees it: the real protocol on a real port, a queue of scripted tasks, and knobs for everything that
 * goes wrong between the two. The double for Gitea in the runner's tests.
 */
export class FakeGitea implements AsyncDisposable {
  readonly calls: RecordedCall[] = [];
  readonly tasks = new Map<bigint, FakeTask>();
  /** Registration token that is accepted. */
  registrationToken = "registration-token";
  /** The identity that Register gives and that the other calls need. */
  readonly uuid = "8b7b7a6e-0d3f-4a86-9c10-000000000001";
  readonly token = "0123456789abcdef0123456789abcdef01234567";
  /** Calls are refused as Gitea does for a deleted runner: as `unknown` with HTTP 500 (1.27), or properly. */
  forgotten: "no" | "as-unknown" | "as-unauthenticated" = "no";
  /** UpdateLog takes at most so many rows of a call. */
  maxAckRows = Number.POSITIVE_INFINITY;
  /** UpdateTask does not confirm outputs. */
  forgetsOutputs = false;
  /** FetchTask waits for a task, and Declare says so. */
  parks = false;
  /** FetchTask gives as many tasks as the runner has room for, and the same ones to a repeated request key, as Forgejo does. */
  isForgejo = false;
  /** The runner is removed as soon as it has reported a result, as Gitea does with ephemeral ones. */
  forgetsAfterResult = false;
  /** FetchTask waits so long for a task, and Declare does not say so; 0 answers at once. */
  parksFor = 0;
  tasksVersion = 1n;
  /** Folder of bare repositories that are served by smart HTTP; only with this `Authorization`. */
  git: { root: string; authorization: string } | undefined;
  readonly #queue: bigint[] = [];
  readonly #given = new Map<string, readonly FakeTask[]>();
  readonly #faults = new Map<Method, (() => void)[]>();
  readonly #lost = new Map<Method, number>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;
  #nextId = 1n;

  /** Starts on a free port. */
  static async start(): Promise<FakeGitea> {
    const gitea = new FakeGitea();
    await gitea.open();
    return gitea;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Calls of one method, in order. */
  callsOf(method: Method): RecordedCall[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Puts a task into the queue and returns its record. */
  enqueue(script: TaskScript): FakeTask {
    const id = this.#nextId;
    this.#nextId += 1n;
    const task = create(TaskSchema, {
      id,
      workflowPayload: new TextEncoder().encode(script.workflow),
      context: {
        event_name: "push",
        event: {},
        repository: "octo/repo",
        repository_owner: "octo",
        ref: "refs/heads/main",
        ref_name: "main",
        ref_type: "branch",
        sha: "0000000000000000000000000000000000000001",
        run_id: "41",
        run_number: "7",
        run_attempt: "1",
        actor: "octo",
        token: "task-token-5c1f",
        gitea_runtime_token: "runtime-token-88ab",
        ...script.context,
      },
      secrets: { GITHUB_TOKEN: "task-token-5c1f", GITEA_TOKEN: "task-token-5c1f", ...script.secrets },
      vars: script.vars ?? {},
      needs: Object.fromEntries(
        Object.entries(script.needs ?? {}).map(([name, need]) => [name, create(TaskNeedSchema, need)]),
      ),
    });
    const record: FakeTask = {
      task,
      rows: [],
      logClosed: false,
      rowsAtResult: undefined,
      state: undefined,
      result: Result.UNSPECIFIED,
      cancelling: false,
      outputs: new Map(),
      handedOut: 0,
    };
    this.tasks.set(id, record);
    this.#queue.push(id);
    this.tasksVersion += 1n;
    for (const wake of this.#waiting) wake();
    return record;
  }

  /** The next so many calls of a method fail. @default one, `unavailable` */
  failNext(method: Method, times = 1, error = new ConnectError("the database is away", Code.Unavailable)): void {
    const fail = () => {
      throw error;
    };
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), ...Array.from({ length: times }, () => fail)]);
  }

  /** The next so many calls of a method are obeyed, but their answers get lost. */
  loseNext(method: Method, times = 1): void {
    this.#lost.set(method, (this.#lost.get(method) ?? 0) + times);
  }

  /** The server goes away: the port is closed, connections break. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const wake of this.#waiting) wake();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }

  /** The server comes back on the same port. */
  async open(): Promise<void> {
    const handler = connectNodeAdapter({
      requestPathPrefix: RPC_PREFIX,
      routes: (router) => {
        router.service(PingService, {
          ping: (request, context) => {
            this.#note("ping", request, context);
            return { data: `Hello, ${request.data}!` };
          },
        });
        router.service(RunnerService, {
          register: (request, context) => this.#register(request, context),
          declare: (request, context) => this.#declare(request, context),
          fetchTask: (request, context) => this.#fetchTask(request, context),
          updateTask: (request, context) => this.#updateTask(request, context),
          updateLog: (request, context) => this.#updateLog(request, context),
        });
      },
    });
    const server = createServer((request, response) => {
      this.#loseAnswer(request, response);
      if (request.url?.startsWith(RPC_PREFIX) === true) handler(request, response);
      else this.#serveGit(request, response);
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #serveGit(request: IncomingMessage, response: ServerResponse): void {
    if (this.git === undefined || request.headers.authorization !== this.git.authorization) {
      response.writeHead(this.git === undefined ? 404 : 401).end();
    } else {
      serveGit(this.git.root, request, response);
    }
  }

  #loseAnswer(request: IncomingMessage, response: ServerResponse): void {
    const name = request.url?.split("/").at(-1) ?? "";
    const method = `${name.charAt(0).toLowerCase()}${name.slice(1)}` as Method;
    const left = this.#lost.get(method) ?? 0;
    if (left === 0) return;
    this.#lost.set(method, left - 1);
    const lose = () => {
      request.socket.destroy();
      return response;
    };
    response.writeHead = lose;
    response.write = () => {
      lose();
      return true;
    };
    response.end = lose;
  }

  #note(method: Method, request: unknown, context: HandlerContext): void {
    this.calls.push({ method, request, headers: context.requestHeader, at: Date.now() });
    this.#faults.get(method)?.shift()?.();
  }

  #authenticate(context: HandlerContext): void {
    const known =
      context.requestHeader.get(RUNNER_UUID_HEADER) === this.uuid &&
      context.requestHeader.get(RUNNER_TOKEN_HEADER) === this.token;
    if (known && this.forgotten === "no") return;
    if (this.forgotten === "as-unauthenticated") throw new ConnectError("unregistered runner", Code.Unauthenticated);
    throw new ConnectError("rpc error: code = Unauthenticated desc = unregistered runner", Code.Unknown);
  }

  #register(request: RegisterRequest, context: HandlerContext) {
    this.#note("register", request, context);
    if (request.token !== this.registrationToken) {
      throw new ConnectError("runner registration token not found", Code.Unknown);
    }
    const { name, version, labels, ephemeral } = request;
    return { runner: { id: 3n, uuid: this.uuid, token: this.token, name, version, labels, ephemeral } };
  }

  #declare(request: DeclareRequest, context: HandlerContext) {
    this.#note("declare", request, context);
    this.#authenticate(context);
    if (this.parks) context.responseHeader.set("x-act-runner-server", "test");
    return { runner: { id: 3n, uuid: this.uuid, version: request.version, labels: request.labels } };
  }

  async #fetchTask(request: FetchTaskRequest, context: HandlerContext) {
    this.#note("fetchTask", request, context);
    this.#authenticate(context);
    if (this.parks && this.#queue.length === 0) await this.#waitForTask(context.signal);
    else if (this.parksFor > 0 && this.#queue.length === 0)
      await delay(this.parksFor, undefined, { signal: context.signal });
    const given = this.#give(request, context.requestHeader.get(REQUEST_KEY_HEADER));
    for (const record of given) record.handedOut += 1;
    const [task, ...additionalTasks] = given.map((record) => record.task);
    return { ...(task === undefined ? {} : { task }), additionalTasks, tasksVersion: this.tasksVersion };
  }

  #give(request: FetchTaskRequest, key: string | null): readonly FakeTask[] {
    const before = this.isForgejo && key !== null ? this.#given.get(key) : undefined;
    if (before !== undefined) return before;
    const count = this.isForgejo ? Number(request.taskCapacity ?? 1n) : 1;
    const given = this.#queue.splice(0, count).flatMap((id) => this.tasks.get(id) ?? []);
    if (key !== null && given.length > 0) this.#given.set(key, given);
    return given;
  }

  #waitForTask(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #updateTask(request: UpdateTaskRequest, context: HandlerContext) {
    this.#note("updateTask", request, context);
    this.#authenticate(context);
    const { state } = request;
    if (state === undefined) throw new ConnectError("no state", Code.InvalidArgument);
    const record = this.#record(state.id);
    record.state = state;
    for (const [name, value] of Object.entries(request.outputs)) {
      if (!record.outputs.has(name)) record.outputs.set(name, value);
    }
    if (state.result !== Result.UNSPECIFIED && record.result === Result.UNSPECIFIED) {
      record.result = state.result;
      record.rowsAtResult = record.rows.length;
      if (this.forgetsAfterResult) this.forgotten = "as-unknown";
    }
    const result = record.result === Result.UNSPECIFIED && record.cancelling ? Result.CANCELLED : record.result;
    return {
      state: { id: state.id, result },
      sentOutputs: this.forgetsOutputs ? [] : [...record.outputs.keys()],
    };
  }

  #updateLog(request: UpdateLogRequest, context: HandlerContext) {
    this.#note("updateLog", request, context);
    this.#authenticate(context);
    const record = this.#record(request.taskId);
    const index = Number(request.index);
    const have = record.rows.length;
    if (index <= have) {
      const fresh = request.rows.slice(have - index, have - index + this.maxAckRows);
      for (const row of fresh) {
        record.rows.push({ at: Number(row.time?.seconds ?? 0n) * 1000, text: row.content });
      }
      if (request.noMore && record.rows.length >= index + request.rows.length) record.logClosed = true;
    }
    return { ackIndex: BigInt(record.rows.length) };
  }

  #record(id: bigint): FakeTask {
    const record = this.tasks.get(id);
    if (record === undefined) throw new ConnectError("update task: resource does not exist", Code.Internal);
    return record;
  }
}
