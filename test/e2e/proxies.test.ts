import { setTimeout as delay } from "node:timers/promises";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Result, RunnerService, TaskStreamService } from "../../src/protocol/messages.ts";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "../support/fast-clock.ts";
import { gitRepository } from "../support/git-repository.ts";
import { type ProxyKind, proxyMissing, type ReverseProxy, reverseProxy } from "../support/reverse-proxy.ts";
import { StockRunner } from "../support/stock-runner.ts";
import { type TestRunner, testRunner } from "../support/test-runner.ts";
import { type TestServer, testServer } from "../support/test-server.ts";

/** Timeouts of proxies and server go so much faster, or a test would take longer than a minute. PROXY_TEST_SPEED=1 waits. */
const SPEED = Number(process.env["PROXY_TEST_SPEED"] ?? 10);
/** More than nginx takes in one body, in characters of three bytes each. */
const WIDE_ROWS = 400;
const WORKFLOW = (label: string) => `on: { workflow_dispatch: { inputs: { kind: { type: string } } } }
jobs:
  job:
    runs-on: ${label}
    steps:
      - run: |
          if [ "\${{ inputs.kind }}" = endless ]; then echo begun; sleep 600; fi
          line=$(printf '漢%.0s' $(seq 3000))
          for row in $(seq ${WIDE_ROWS}); do echo "$row $line"; done
`;
const LABELS = ["direct", "nginx", "haproxy", "buffering", "stock"];

interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly registrationToken: string;
  /** Submits a workflow. @returns id of the run */
  submit(label: string, kind?: string): Promise<number>;
  /** The one job of a run, when it has this status. */
  job(run: number, status: string): Promise<{ id: number; conclusion: string }>;
  logOf(job: { id: number }): Promise<string[]>;
  cancel(run: number): Promise<void>;
  /** A stream's or a call's transport with a runner of its own. */
  runner(label: string): Promise<Interceptor>;
}

async function world(speed: number): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const files = LABELS.map((label) => [`.gitea/workflows/${label}.yml`, WORKFLOW(label)] as const);
  const origin = stack.use(await gitRepository(Object.fromEntries(files)));
  const server = stack.use(await testServer({ repoRoot: origin.root }, { clock: fastClock(speed) }));
  const { admin } = server;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const { token } = (await admin.get("/admin/actions/runners/registration-token")).json;
  const direct = createConnectTransport({ baseUrl: `${server.url}/api/actions`, httpVersion: "1.1" });
  const runs = "/repos/olga/app/actions/runs";
  const owned = stack.move();
  return {
    server,
    registrationToken: token,
    async submit(label, kind = "short") {
      const inputs = { kind };
      return (await admin.post("/runs", { repository: "olga/app", workflow: `${label}.yml`, inputs })).json.id;
    },
    async job(run, status) {
      const look = async () => {
        // The server's time limits go as fast as its clock: a list may come too late on a busy machine.
        const [job] = (await admin.get(`${runs}/${run}/jobs`)).json.jobs ?? [];
        return job?.status === status && job;
      };
      return await eventually(`the job of run ${run} to be ${status}`, look, 25_000);
    },
    async logOf({ id }) {
      const { text } = await admin.get(`/repos/olga/app/actions/jobs/${id}/logs`);
      return text.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(line.indexOf(" ") + 1)]));
    },
    async cancel(run) {
      await admin.post(`${runs}/${run}/cancel`);
    },
    async runner(label) {
      const { runner } = await createClient(RunnerService, direct).register({ name: label, token, labels: [label] });
      return (next) => (request) => {
        request.header.set("x-runner-uuid", runner?.uuid ?? "");
        request.header.set("x-runner-token", runner?.token ?? "");
        return next(request);
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The ways through a proxy: HTTP/1.1 and HTTP/2 are different ports of it. */
const WAYS: Readonly<Record<string, (proxy: ReverseProxy, identify: Interceptor) => Transport>> = {
  connect: ({ url }, identify) =>
    createConnectTransport({ baseUrl: `${url}/api/actions`, httpVersion: "1.1", interceptors: [identify] }),
  "gRPC-Web": ({ url }, identify) =>
    createGrpcWebTransport({ baseUrl: `${url}/api/actions`, httpVersion: "1.1", interceptors: [identify] }),
  gRPC: ({ grpcUrl }, identify) => createGrpcTransport({ baseUrl: grpcUrl, interceptors: [identify] }),
};

const ALL_ROWS = Array.from({ length: WIDE_ROWS }, (_, index) => index + 1);

/** Numbers of the rows that came whole. */
function rowNumbers(rows: readonly string[]): number[] {
  return rows.flatMap((row) => {
    const [, number, wide] = /^(\d+) (漢+)$/.exec(row) ?? [];
    return wide?.length === 3_000 ? [Number(number)] : [];
  });
}

const fellBack = (runner: TestRunner) => runner.said.some(({ message }) => message.includes("is polled for a while"));

for (const kind of ["nginx", "haproxy"] as const satisfies readonly ProxyKind[]) {
  const missing = proxyMissing[kind];
  if (missing !== undefined) console.warn(`proxies: ${kind} is skipped: ${missing}`);
  describe.skipIf(missing !== undefined)(`behind ${kind} with its default settings`, () => {
    let given: World;
    let proxy: ReverseProxy;
    const stack = new AsyncDisposableStack();

    beforeAll(async () => {
      given = stack.use(await world(1));
      proxy = stack.use(await reverseProxy(kind, given.server.url));
    });
    afterAll(() => stack.disposeAsync());

    it.each(Object.keys(WAYS))("a stream brings its first message at once, and tasks (%s)", async (name) => {
      const identify = await given.runner("direct");
      const transport = WAYS[name]?.(proxy, identify);
      if (transport === undefined) throw new Error("no transport");
      const stop = new AbortController();
      const streams = createClient(TaskStreamService, transport);
      const begin = performance.now();
      const stream = streams.streamTasks({ capacity: 1 }, { signal: stop.signal })[Symbol.asyncIterator]();
      expect((await stream.next()).value?.message.case).toBe("keepAlive");
      expect(performance.now() - begin).toBeLessThan(5_000);
      const run = await given.submit("direct");
      const { message } = (await stream.next()).value ?? {};
      expect(message?.case).toBe("offer");
      const id = message?.case === "offer" ? (message.value.task?.id ?? 0n) : 0n;
      const tasks = createClient(RunnerService, transport);
      await tasks.updateTask({ state: { id } });
      await given.cancel(run);
      await eventually("the cancel", async () => (await stream.next()).value?.message.case === "cancel");
      await tasks.updateTask({ state: { id, result: Result.CANCELLED } });
      stop.abort();
    });

    it("our runner works by a stream, sends a log of many MB, and is told to cancel", async () => {
      const { registrationToken } = given;
      await using runner = await testRunner({ url: proxy.url, registrationToken, label: kind });
      const long = await given.job(await given.submit(kind), "completed");
      expect(long.conclusion).toBe("success");
      expect(rowNumbers(await given.logOf(long))).toEqual(ALL_ROWS);
      const run = await given.submit(kind, "endless");
      await given.job(run, "in_progress");
      await given.cancel(run);
      expect((await given.job(run, "completed")).conclusion).toBe("cancelled");
      expect(fellBack(runner)).toBe(false);
      expect(runner.said.filter(({ message }) => message.includes("failed"))).toEqual([]);
    });

    it("a stock runner works; what it may send at once is up to the proxy", async () => {
      const run = await given.submit("stock");
      const stop = new AbortController();
      const { registrationToken: token } = given;
      const direct = createConnectTransport({ baseUrl: `${given.server.url}/api/actions`, httpVersion: "1.1" });
      const { runner } = await createClient(RunnerService, direct).register({ name: "s", token, labels: ["stock"] });
      if (runner === undefined) throw new Error("not registered");
      let task = 0n;
      using stock = new StockRunner({
        ...{ url: proxy.url, identity: runner, tickMs: 50, once: true },
        batches: () => [["one"], ["two"]],
        journal: (entry) => (task = entry.task),
      });
      await stock.run({ signal: stop.signal });
      const job = await given.job(run, "completed");
      expect(job.conclusion).toBe("success");
      expect(await given.logOf(job)).toEqual(["one", "two"]);
      const client = createClient(
        RunnerService,
        createConnectTransport({ baseUrl: `${proxy.url}/api/actions`, httpVersion: "1.1", useBinaryFormat: true }),
      );
      const headers = { "x-runner-uuid": runner.uuid, "x-runner-token": runner.token };
      const rows = (count: number) =>
        Array.from({ length: count }, () => ({ time: timestampNow(), content: "x".repeat(10_000) }));
      const send = async (count: number) =>
        await client.updateLog({ taskId: task, index: 2n, rows: rows(count) }, { headers }).then(
          () => undefined,
          (error: unknown) => ConnectError.from(error),
        );
      expect(await send(100)).toBeUndefined();
      const big = await send(110);
      if (kind === "haproxy") expect(big).toBeUndefined();
      else expect([big?.code, big?.rawMessage]).toEqual([Code.Unknown, "HTTP 413"]);
    });
  });

  describe.skipIf(missing !== undefined)(`behind ${kind}, for longer than its timeouts`, { timeout: 120_000 }, () => {
    it("streams live on keep-alives, and polls are answered in time", async () => {
      await using given = await world(SPEED);
      await using proxy = await reverseProxy(kind, given.server.url, { faster: SPEED });
      const stop = new AbortController();
      const alive: Record<string, number> = {};
      const failures: unknown[] = [];
      const reading = Object.entries(WAYS).map(async ([name, way]) => {
        const streams = createClient(TaskStreamService, way(proxy, await given.runner("direct")));
        try {
          for await (const { message } of streams.streamTasks({ capacity: 1 }, { signal: stop.signal })) {
            if (message.case === "keepAlive") alive[name] = (alive[name] ?? 0) + 1;
          }
          failures.push(`${name} ended`);
        } catch (error) {
          if (!stop.signal.aborted) failures.push(error);
        }
      });
      const client = createClient(
        RunnerService,
        createConnectTransport({
          baseUrl: `${proxy.url}/api/actions`,
          httpVersion: "1.1",
          interceptors: [await given.runner("direct")],
        }),
      );
      // The longest wait that a runner may ask for; the proxies give up after 50 s and 60 s.
      const begin = performance.now();
      const polled = await client.fetchTask({}, { timeoutMs: 120_000 });
      expect(polled.task).toBeUndefined();
      expect((performance.now() - begin) * SPEED).toBeGreaterThan(40_000);
      await delay(Math.max(0, 75_000 / SPEED - (performance.now() - begin)));
      expect(failures).toEqual([]);
      for (const name of Object.keys(WAYS)) expect(alive[name], name).toBeGreaterThanOrEqual(4);
      stop.abort();
      await Promise.all(reading);
    });
  });
}

describe.skipIf(proxyMissing.nginx !== undefined)("behind a proxy that holds answers back and takes little", () => {
  it("our runner polls after 5 s, gets the task that the stream was to bring, and sends its log in pieces", async () => {
    await using given = await world(SPEED);
    const run = await given.submit("buffering");
    await using proxy = await reverseProxy("nginx", given.server.url, { buffers: true, mostBodyBytes: 200_000 });
    const { registrationToken } = given;
    const clock = fastClock(SPEED);
    await using runner = await testRunner({ url: proxy.url, registrationToken, label: "buffering", clock });
    await eventually("the fall-back", () => fellBack(runner));
    const polled = runner.said.find(({ message }) => message.includes("is polled for a while"));
    expect(polled?.fields).toMatchObject({ reason: "nothing came for too long" });
    const job = await given.job(run, "completed");
    expect(job.conclusion).toBe("success");
    expect(rowNumbers(await given.logOf(job))).toEqual(ALL_ROWS);
  });
});
