import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  GoAway_Reason,
  type ReportRequestSchema,
  Result,
  RunnerPhase,
  RunnerService,
  RunnerStatusService,
  type StreamTasksResponse,
  TaskStreamService,
} from "../../src/protocol/messages.ts";
import { eventually } from "../support/eventually.ts";
import { type GitRepository, gitRepository } from "../support/git-repository.ts";
import { countStatements } from "../support/statement-counter.ts";
import { type TestServer, testServer } from "../support/test-server.ts";

type Protocol = "connect" | "grpc" | "grpc-web" | "connect over HTTP/2";

const TRANSPORTS = {
  connect: createConnectTransport,
  "connect over HTTP/2": createConnectTransport,
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
} as const;

/** A runner that speaks one of the protocols. */
function clientsOf(url: string, identity: { uuid: string; token: string }, protocol: Protocol = "connect") {
  const identify: Interceptor = (next) => (request) => {
    request.header.set("x-runner-uuid", identity.uuid);
    request.header.set("x-runner-token", identity.token);
    return next(request);
  };
  const httpVersion = protocol === "grpc" || protocol === "connect over HTTP/2" ? "2" : "1.1";
  const transport = TRANSPORTS[protocol]({ baseUrl: url, httpVersion, interceptors: [identify] } as never);
  return {
    tasks: createClient(RunnerService, transport),
    stream: createClient(TaskStreamService, transport),
    status: createClient(RunnerStatusService, transport),
  };
}

type Clients = ReturnType<typeof clientsOf>;

/** What a stream has brought so far. */
class Reading implements AsyncDisposable {
  readonly messages: StreamTasksResponse[] = [];
  headers = new Headers();
  error: ConnectError | undefined;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor({ stream }: Clients, capacity: number, held: readonly bigint[] = []) {
    this.#done = this.#read(stream, capacity, held).catch((error: unknown) => {
      this.error = ConnectError.from(error);
    });
  }

  async #read(stream: Clients["stream"], capacity: number, heldTaskIds: readonly bigint[]): Promise<void> {
    const options = { signal: this.#abort.signal, onHeader: (headers: Headers) => (this.headers = headers) };
    for await (const message of stream.streamTasks({ capacity, heldTaskIds: [...heldTaskIds] }, options)) {
      this.messages.push(message);
    }
  }

  get ended(): Promise<void> {
    return this.#done;
  }

  get offers() {
    return this.messages.flatMap(({ message }) =>
      message.case === "offer" && message.value.task ? [message.value.task] : [],
    );
  }

  get cancels() {
    return this.messages.flatMap(({ message }) =>
      message.case === "cancel" ? [{ taskId: message.value.taskId, ended: message.value.ended }] : [],
    );
  }

  get goaway() {
    return this.messages.flatMap(({ message }) => (message.case === "goaway" ? [message.value.reason] : []))[0];
  }

  async opened(): Promise<this> {
    await eventually("the first message", () => this.messages.length > 0 || this.error !== undefined);
    return this;
  }

  async offered(count: number): Promise<this> {
    await eventually(`${count} offers`, () => this.offers.length >= count);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}

const HEALTHY: MessageInitShape<typeof ReportRequestSchema> = {
  system: {
    ...{ os: "linux", arch: "amd64", osVersion: "6.1", gitVersion: "2.50.1", nodeVersion: "24.1.0" },
    ...{ cores: 4, memoryBytes: 8_000_000_000n, diskBytes: 100_000_000_000n },
  },
  usage: { cpu: 0.25, memoryBytes: 1_000_000_000n, diskBytes: 40_000_000_000n },
  phase: RunnerPhase.READY,
};

const WORKFLOW = `on: { workflow_dispatch: { inputs: { legs: { type: string } } } }
jobs:
  leg:
    strategy: { matrix: { n: "\${{ fromJSON(inputs.legs) }}" } }
    runs-on: linux
    steps: [{ run: echo }]
`;

describe("StreamTasks and Report", () => {
  let server: TestServer;

  let origin: GitRepository;

  beforeEach(async () => {
    origin = await gitRepository({ ".gitea/workflows/wide.yml": WORKFLOW });
    server = await testServer({ repoRoot: origin.root });
    await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  /** Submits a run with so many jobs that wait. */
  async function jobs(count: number): Promise<{ id: number }[]> {
    const inputs = { legs: JSON.stringify(Array.from({ length: count }, (_, index) => index)) };
    const run = (await server.admin.post("/runs", { repository: "olga/app", workflow: "wide.yml", inputs })).json;
    return (await server.admin.get(`/repos/olga/app/actions/runs/${run.id}/jobs?limit=50`)).json.jobs;
  }

  async function register(protocol: Protocol = "connect", capabilities = ["cancelling"]) {
    const { token } = (await server.admin.post("/admin/actions/runners/registration-token")).json;
    const anonymous = clientsOf(server.url, { uuid: "", token: "" });
    const request = { name: "r", token, labels: ["linux"], version: "1", capabilities };
    const { runner } = await anonymous.tasks.register(request);
    if (runner === undefined) throw new Error("not registered");
    return { id: Number(runner.id), ...clientsOf(server.url, runner, protocol) };
  }

  const shown = async (id: number) => (await server.admin.get(`/admin/actions/runners/${id}`)).json;

  it.each(Object.keys(TRANSPORTS) as Protocol[])("brings tasks, cancels and goodbyes (%s)", async (protocol) => {
    const runner = await register(protocol);
    await using reading = await new Reading(runner, 2).opened();
    expect(reading.messages[0]?.message.case).toBe("keepAlive");
    expect(reading.headers.get("x-accel-buffering")).toBe("no");
    const [first] = await jobs(1);
    const [task] = (await reading.offered(1)).offers;
    if (task === undefined || first === undefined) throw new Error("no task");
    expect(new TextDecoder().decode(task.workflowPayload)).toContain("linux");
    await runner.tasks.updateTask({ state: { id: task.id } });
    await server.server.services.protocol.cancelJobs.cancel([first], "cancelled");
    await eventually("the cancel", () => reading.cancels.length === 1);
    expect(reading.cancels).toEqual([{ taskId: task.id, ended: false }]);
    await runner.tasks.updateTask({ state: { id: task.id, result: Result.CANCELLED } });
    await server.server.close();
    await reading.ended;
    expect(reading.goaway).toBe(GoAway_Reason.SHUTDOWN);
    expect(reading.error).toBeUndefined();
    // Its own result is no news to the runner.
    expect(reading.cancels).toHaveLength(1);
  });

  it("never has more in flight than the capacity, and fills a slot that becomes free", async () => {
    const runner = await register();
    await jobs(5);
    await using reading = await new Reading(runner, 2).offered(2);
    await jobs(1);
    const [one, two] = reading.offers;
    await runner.tasks.updateTask({ state: { id: one?.id ?? 0n } });
    expect(reading.offers).toHaveLength(2);
    await runner.tasks.updateTask({ state: { id: one?.id ?? 0n, result: Result.SUCCESS } });
    await reading.offered(3);
    await runner.tasks.updateTask({ state: { id: two?.id ?? 0n, result: Result.SKIPPED } });
    await reading.offered(4);
    expect(new Set(reading.offers.map(({ id }) => id)).size).toBe(4);
    expect(server.server.services.protocol.dispatcher.counts.waitingJobs).toBe(2);
  });

  it("a task that the server ended occupies its slot until the runner lets go of it", async () => {
    const runner = await register("connect", []);
    const [first] = await jobs(2);
    await using reading = await new Reading(runner, 1).offered(1);
    const [task] = reading.offers;
    await runner.tasks.updateTask({ state: { id: task?.id ?? 0n } });
    await server.server.services.protocol.cancelJobs.cancel(first === undefined ? [] : [first], "cancelled");
    await eventually("the cancel", () => reading.cancels.length === 1);
    expect(reading.cancels).toEqual([{ taskId: task?.id, ended: true }]);
    const answer = await runner.status.report({ runningTaskIds: [task?.id ?? 0n] });
    expect(answer.cancels.map(({ taskId, ended }) => ({ taskId, ended }))).toEqual(reading.cancels);
    expect(reading.offers).toHaveLength(1);
    await runner.status.report({});
    await reading.offered(2);
  });

  it("compares what is held with what was assigned when a stream opens", async () => {
    const runner = await register("connect", []);
    await jobs(1);
    let lost = 0n;
    {
      await using first = await new Reading(runner, 1).offered(1);
      lost = first.offers[0]?.id ?? 0n;
    }
    // Never acknowledged and not held: offered again. Held, but not known: to be stopped.
    await using second = await new Reading(runner, 3, [999n]).offered(1);
    expect(second.offers.map(({ id }) => id)).toEqual([lost]);
    expect(second.cancels).toEqual([{ taskId: 999n, ended: true }]);
    // Held: acknowledged by that, and not offered.
    const [more] = await jobs(1);
    await second.offered(2);
    const held = second.offers.map(({ id }) => id);
    await using third = await new Reading(runner, 2, held).opened();
    await second.ended;
    expect(second.goaway).toBe(GoAway_Reason.REPLACED);
    const { openTasks } = server.server.services.protocol;
    await eventually("both to be acknowledged", () =>
      [...openTasks.ofRunner(runner.id)].every(({ task }) => task.acknowledgedAt !== null),
    );
    await jobs(1);
    expect(third.offers).toEqual([]);
    expect(more).toBeDefined();
    expect(server.server.services.protocol.taskStreams.size).toBe(1);
  });

  it("gives a job whose offer was not read to another runner", async () => {
    const [one, two] = [await register(), await register()];
    const { taskStreams, openTasks } = server.server.services.protocol;
    const { signal } = new AbortController();
    const unread = taskStreams.open({ id: one.id }, { capacity: 1, heldTaskIds: [] }, { signal });
    await unread.next();
    await jobs(1);
    await eventually("the job to be assigned", () => [...openTasks.ofRunner(one.id)].length === 1);
    const [assigned] = [...openTasks.ofRunner(one.id)];
    // The reader goes away with the offer still in the server: no lease has to run out.
    await unread.return();
    await using other = await new Reading(two, 1).offered(1);
    expect(other.offers).toHaveLength(1);
    expect(other.offers[0]?.id).not.toBe(BigInt(assigned?.task.id ?? 0));
    expect(openTasks.get(assigned?.task.id ?? 0)).toBeUndefined();
  });

  it("tells a runner that it was disabled, and gives it nothing until it may go on", async () => {
    const runner = await register();
    await using reading = await new Reading(runner, 1).opened();
    const drains = () =>
      reading.messages.flatMap(({ message }) => (message.case === "drain" ? [message.value.active] : []));
    await server.admin.patch(`/admin/actions/runners/${runner.id}`, { disabled: true });
    await eventually("the drain", () => drains().length === 1);
    await jobs(1);
    await server.admin.patch(`/admin/actions/runners/${runner.id}`, { disabled: false });
    await reading.offered(1);
    expect(drains()).toEqual([true, false]);
  });

  it("ends the stream of a runner that is deleted", async () => {
    const runner = await register();
    await jobs(1);
    await using reading = await new Reading(runner, 1).offered(1);
    await server.admin.delete(`/admin/actions/runners/${runner.id}`);
    await reading.ended;
    expect(reading.error?.code).toBe(Code.Unauthenticated);
    expect(reading.error?.rawMessage).toMatch(/unregistered runner$/);
  });

  it("refuses a stream without a slot", async () => {
    await using reading = await new Reading(await register(), 0).opened();
    expect(reading.error?.code).toBe(Code.InvalidArgument);
  });

  it("shows what a runner reports of itself", async () => {
    const runner = await register();
    expect((await shown(runner.id)).system).toBeNull();
    await runner.status.report(HEALTHY);
    expect(await shown(runner.id)).toMatchObject({
      ...{ status: "online", state: "idle", health: null, phase: "ready" },
      system: {
        ...{ os: "linux", arch: "amd64", git_version: "2.50.1", docker_version: "", cores: 4 },
        usage: { cpu: 0.25, memory_bytes: 1_000_000_000 },
      },
    });
  });

  it("offers nothing to a runner that cannot work, by stream or by poll", async () => {
    const [streaming, polling] = [await register(), await register()];
    const problem = { reason: "only 12 MB of disk are left" };
    for (const { status } of [streaming, polling]) await status.report({ ...HEALTHY, problem });
    expect(await shown(streaming.id)).toMatchObject({ state: "error", status: "online", health: problem.reason });
    await using reading = await new Reading(streaming, 1).opened();
    await jobs(2);
    expect((await polling.tasks.fetchTask({}, { timeoutMs: 1_000 })).task).toBeUndefined();
    expect(reading.offers).toEqual([]);
    await streaming.status.report(HEALTHY);
    await reading.offered(1);
    expect(await shown(streaming.id)).toMatchObject({ state: "idle", health: null });
    await polling.tasks.declare({ version: "2", labels: ["linux"] });
    expect((await polling.tasks.fetchTask({}, { timeoutMs: 5_000 })).task).toBeDefined();
  });

  it("a report costs no transaction when it says nothing new", async () => {
    using counter = countStatements();
    const updates = () => counter.statements.filter((sql) => /^UPDATE runner SET (?!last_online)/.test(sql)).length;
    const runner = await register();
    await runner.status.report(HEALTHY);
    expect(updates()).toBeGreaterThan(0);
    const usage = JSON.stringify((await shown(runner.id)).system.usage);
    counter.reset();
    for (let n = 0; n < 5; n++) await runner.status.report({ ...HEALTHY, usage: { cpu: 0.75 } });
    expect(updates()).toBe(0);
    expect(JSON.stringify((await shown(runner.id)).system.usage)).not.toBe(usage);
  });
});
