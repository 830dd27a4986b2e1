import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { RunnerService } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { fastClock } from "../../support/fast-clock.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { type LossyProxy, lossyProxy } from "../../support/lossy-proxy.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { StockRunner, type StockRunnerEntry, type StockRunnerOptions } from "../../support/stock-runner.ts";
import { type TestServer, testServer } from "../../support/test-server.ts";

const JOBS = 6;
const WORKFLOW = `on: push
jobs:
  leg:
    strategy: { matrix: { n: [${Array.from({ length: JOBS }, (_, index) => index).join(", ")}] } }
    runs-on: linux
    steps: [{ run: echo }]
`;
const BATCHES = [["a", "b"], [], ["c"], ["d", "e", "f"]];
const ROWS = BATCHES.flat();

interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: LossyProxy;
  readonly journal: StockRunnerEntry[];
  /** Starts a runner that calls through the proxy. */
  start(more?: Partial<StockRunnerOptions> & { readonly ephemeral?: boolean }): Promise<void>;
  /** Submits a run and returns its jobs as they are when all have ended. */
  run(): Promise<{ id: number; conclusion: string }[]>;
  logOf(job: { id: number }): Promise<string[]>;
}

/** @param faster how much faster the server's clock goes, for a test that waits for its leases */
async function world(kind: "sqlite" | "mariadb", seed: number, faster = 1): Promise<World> {
  const random = seededRandom(seed);
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await gitRepository({ ".gitea/workflows/wide.yml": WORKFLOW }));
  const databaseUrl = kind === "mariadb" ? await (await sharedMariadb()).createDatabase() : undefined;
  const server = stack.use(
    await testServer(
      { repoRoot: origin.root, ...(databaseUrl === undefined ? {} : { databaseUrl }) },
      { clock: fastClock(faster) },
    ),
  );
  const { admin } = server;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const { token } = (await admin.get("/admin/actions/runners/registration-token")).json;
  const proxy = stack.use(await lossyProxy([new URL(server.url).host], { random }));
  const baseUrl = `${server.url}/api/actions`;
  const client = createClient(RunnerService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const journal: StockRunnerEntry[] = [];
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  stack.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const owned = stack.move();
  return {
    ...{ server, proxy, journal },
    async start({ ephemeral = false, ...more } = {}) {
      const { runner } = await client.register({ name: "stock", token, labels: ["linux"], ephemeral });
      if (runner === undefined) throw new Error("not registered");
      const options = { url: proxy.url, identity: runner, batches: () => BATCHES, tickMs: 50, random };
      const stock = owned.use(new StockRunner({ ...options, journal: (entry) => journal.push(entry), ...more }));
      running.push(stock.run({ signal: stop.signal }));
    },
    async run() {
      const { id } = (await admin.post("/runs", { repository: "olga/app", workflow: "wide.yml" })).json;
      return await eventually(
        "the run to end",
        async () => {
          if ((await admin.get(`/repos/olga/app/actions/runs/${id}`)).json.status !== "completed") return;
          return (await admin.get(`/repos/olga/app/actions/runs/${id}/jobs?limit=50`)).json.jobs;
        },
        60_000,
      );
    },
    async logOf({ id }) {
      const { text } = await admin.get(`/repos/olga/app/actions/jobs/${id}/logs`);
      return text.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(line.indexOf(" ") + 1)]));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const times = (journal: readonly StockRunnerEntry[], what: StockRunnerEntry["what"]) =>
  journal.filter((entry) => entry.what === what).map(({ task }) => String(task));

if (mariadbMissing !== undefined) console.warn(`stock clients on mariadb are skipped: ${mariadbMissing}`);

describe("runners that behave like stock ones", () => {
  it("do every job once, whichever way round they send result and log", async () => {
    await using given = await world("sqlite", 1);
    for (const resultFirst of [true, false, true]) await given.start({ resultFirst });
    const jobs = await given.run();
    expect(jobs.map(({ conclusion }) => conclusion)).toEqual(Array(JOBS).fill("success"));
    // The run ends with the last result; the end of a log may come after it.
    for (const job of jobs) await eventually("the log", async () => (await given.logOf(job)).length === ROWS.length);
    for (const job of jobs) expect(await given.logOf(job)).toEqual(ROWS);
    expect(new Set(times(given.journal, "received")).size).toBe(JOBS);
    expect(times(given.journal, "received")).toHaveLength(JOBS);
    expect(times(given.journal, "refused")).toEqual([]);
  });

  it.for(["sqlite", "mariadb"] as const)(
    "send everything again when answers are lost: no job is lost or accepted twice, no row lost or doubled (%s)",
    async (kind, { skip }) => {
      if (kind === "mariadb") skip(mariadbMissing !== undefined, mariadbMissing);
      await using given = await world(kind, 2, 10);
      given.proxy.loss = 0.2;
      for (const resultFirst of [true, false, true, false]) await given.start({ resultFirst, aborts: 0.1 });
      const jobs = await given.run();
      expect(given.proxy.lost).toBeGreaterThan(3);
      given.proxy.loss = 0;
      expect(jobs.map(({ conclusion }) => conclusion)).toEqual(Array(JOBS).fill("success"));
      const accepted = await eventually("the last answers", () => {
        const found = times(given.journal, "accepted");
        return found.length >= JOBS && found;
      });
      expect(new Set(accepted).size).toBe(JOBS);
      expect(accepted).toHaveLength(JOBS);
      for (const job of jobs) await eventually("the log", async () => (await given.logOf(job)).length === ROWS.length);
      for (const job of jobs) expect(await given.logOf(job)).toEqual(ROWS);
    },
  );

  it("an ephemeral one has its log stored although its result came first", async () => {
    await using given = await world("sqlite", 4);
    for (let runner = 0; runner < JOBS; runner++) await given.start({ ephemeral: true, resultFirst: true, once: true });
    const jobs = await given.run();
    expect(jobs.map(({ conclusion }) => conclusion)).toEqual(Array(JOBS).fill("success"));
    for (const job of jobs) await eventually("the log", async () => (await given.logOf(job)).length === ROWS.length);
    const left = async () => (await given.server.admin.get("/admin/actions/runners")).json.total_count === 0;
    await eventually("the runners to be gone", left);
  });
});
