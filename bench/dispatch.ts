// What dispatch costs: the time from "job ready" to "task received", assignments a second, and what an idle fleet
// costs. SQLite with every commit on disk, the server on core 0 and all clients on core 1, loopback only, some five
// minutes; nothing is left behind. The last line is one JSON object.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeLocalRepository } from "../test/e2e/local-repository.ts";
import { eventually } from "../test/support/eventually.ts";
import type { ServerProcess } from "../test/support/server-process.ts";
import { cpuSeconds, type Identity, pinned, startBenchServer } from "./bench-server.ts";
import { cleanUp, resources } from "./clean-up.ts";
import { addRunners, makeFinishedJobs } from "./dispatch-data.ts";
import { settled, submit, timeAssignments, timeChains, WIDE, workflowFiles } from "./dispatch-work.ts";
import { PollFleet } from "./poll-fleet.ts";
import { openStreams } from "./stream-fleet.ts";

const RUNNERS = Number(process.env["BENCH_RUNNERS"] ?? 1_000);
const STREAMS = Number(process.env["BENCH_STREAMS"] ?? 5_000);
const TABLE = Number(process.env["BENCH_JOBS"] ?? 1_000_000);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 30);
/** Runs of a hundred jobs that are handed out as fast as it goes. */
const WIDE_RUNS = 50;
const CHAINS = Number(process.env["BENCH_CHAINS"] ?? 60);
/** Parts to measure, such as `latency,polling`. */
const ONLY = process.env["BENCH_ONLY"]?.split(",");
/** Node options of the server, such as `--cpu-prof`. */
const NODE_ARGS = (process.env["BENCH_NODE_ARGS"] ?? "").split(" ").filter((arg) => arg !== "");

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: string;
  readonly met: boolean;
}

const figures: Figure[] = [];
function figure(name: string, value: number, unit: string, limit?: { atMost: number } | { atLeast: number }): void {
  const rounded = Math.round(value * 100) / 100;
  const met = limit === undefined || ("atMost" in limit ? value <= limit.atMost : value >= limit.atLeast);
  const target = limit === undefined ? "" : "atMost" in limit ? `≤ ${limit.atMost}` : `≥ ${limit.atLeast}`;
  figures.push({ name, value: rounded, unit, target, met });
  const verdict = limit === undefined ? "" : met ? "met" : "MISSED";
  console.log(`${name.padEnd(62)} ${String(rounded).padStart(9)} ${unit.padEnd(8)} ${target.padStart(8)}  ${verdict}`);
}

interface Bench {
  readonly server: ServerProcess;
  readonly runners: readonly Identity[];
  /** Statements that the server has given to its database since it was started. */
  readonly statements: () => Promise<{ readonly total: number; readonly heartbeats: number }>;
}

function port({ server }: Bench): number {
  return Number(new URL(server.url).port);
}

/** Measures one part on a server of its own, so that no part finds what another one left. */
async function part(name: string, measure: (bench: Bench) => Promise<void>): Promise<void> {
  if (ONLY !== undefined && !ONLY.includes(name)) return;
  const stack = resources.use(new AsyncDisposableStack());
  const bench = await prepare(stack);
  await measure(bench);
  await bench.server.stop();
  await stack.disposeAsync();
}

/** A server with a repository and runners. */
async function prepare(stack: AsyncDisposableStack): Promise<Bench> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "bench-dispatch-")));
  stack.defer(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
  const repository = stack.use(await makeLocalRepository(workflowFiles(), { root }));
  const file = join(root, "statements.json");
  const preload = pathToFileURL(join(import.meta.dirname, "statement-log.ts")).href;
  const server = stack.use(
    await startBenchServer({
      args: ["--repo-root", root, "--log-level", "warn"],
      nodeArgs: ["--import", preload, ...NODE_ARGS],
      env: { BENCH_STATEMENTS: file },
    }),
  );
  await server.get("POST", "/user/repos", { name: "bench", clone_url: repository.path });
  await server.stop();
  const runners = await addRunners(server.dataDir, Math.max(RUNNERS, STREAMS));
  await server.restart();
  const statements = async () => {
    rmSync(file, { force: true });
    process.kill(server.pid ?? 0, "SIGUSR2");
    await eventually("the server to tell its statements", () => existsSync(file));
    return JSON.parse(readFileSync(file, "utf8")) as { total: number; heartbeats: number };
  };
  return { server, runners, statements };
}

async function latency(bench: Bench, name: string): Promise<void> {
  const times = await timeChains(bench.server, bench.runners.slice(0, RUNNERS), CHAINS);
  figure(`${name}: job ready → task received, p50`, at(times.fromReady, 0.5), "ms", { atMost: 5 });
  figure(`${name}: job ready → task received, p99`, at(times.fromReady, 0.99), "ms", { atMost: 25 });
  figure(`${name}: end of the job before → task received, p50`, at(times.fromReport, 0.5), "ms");
  figure(`${name}: end of the job before → task received, p99`, at(times.fromReport, 0.99), "ms");
}

/** The same while a client lists and counts a large table without pause. */
async function latencyBesideLists(bench: Bench): Promise<void> {
  const { server } = bench;
  await submit(server, "chain.yml", 1);
  await server.stop();
  makeFinishedJobs(server.dataDir, TABLE);
  await server.restart();
  const lists: number[] = [];
  const stop = new AbortController();
  const listing = (async () => {
    const last = Math.floor(TABLE / 50);
    for (let n = 0; !stop.signal.aborted; n++) {
      const page = n % 3 === 0 ? 1 : 1 + Math.floor(Math.random() * last);
      const status = ["", "&status=success", "&status=failure&status=skipped"][n % 3];
      const where = n % 2 === 0 ? "/repos/admin/bench/actions/jobs" : "/admin/actions/jobs";
      const start = performance.now();
      await server.get("GET", `${where}?limit=50&page=${page}${status}`);
      lists.push(performance.now() - start);
    }
  })();
  listing.catch(() => undefined); // what ends it early is told by what it ends with
  const name = `1,000 parked polls beside lists of ${TABLE} jobs`;
  await latency(bench, name);
  stop.abort();
  await listing;
  lists.sort((a, b) => a - b);
  figure(`lists meanwhile, p50 of ${lists.length}`, at(lists, 0.5), "ms");
  figure("lists meanwhile, p99", at(lists, 0.99), "ms");
}

async function assignments(bench: Bench): Promise<void> {
  await submit(bench.server, "wide.yml", WIDE_RUNS);
  const jobs = WIDE_RUNS * WIDE;
  const { seconds, cpu } = await timeAssignments(bench.server, bench.runners.slice(0, RUNNERS), jobs);
  figure("assignments a second, SQLite synchronous=FULL", jobs / seconds, "/s", { atLeast: 1_000 });
  figure("assignments for each second of processor time", jobs / cpu, "/cpu-s");
}

/** What the server uses while nothing happens but `meanwhile`. */
async function idle(bench: Bench): Promise<{ cpuPercent: number; statements: number; heartbeatsPerSecond: number }> {
  const statements = await bench.statements();
  const [cpu, start] = [cpuSeconds(bench.server.pid), performance.now()];
  await settled(SECONDS * 1_000);
  const seconds = (performance.now() - start) / 1_000;
  const cpuAfter = cpuSeconds(bench.server.pid);
  const after = await bench.statements();
  return {
    cpuPercent: ((cpuAfter - cpu) / seconds) * 100,
    statements: after.total - statements.total,
    heartbeatsPerSecond: (after.heartbeats - statements.heartbeats) / seconds,
  };
}

async function polling(bench: Bench): Promise<void> {
  // Stock runners: a deadline of 5 s, and 2 s ± 20 % to the next poll.
  const pauseMs = () => 2_000 * (0.8 + 0.4 * Math.random());
  const onTask = () => {
    throw new Error("a job was handed out in the idle part");
  };
  const fleet = new PollFleet(
    port(bench),
    bench.runners.slice(0, RUNNERS),
    { deadlineMs: 5_000, pauseMs, onTask },
    7_000,
  );
  await settled(10_000);
  const polls = fleet.emptyPolls;
  const none = await idle(bench);
  const answered = fleet.emptyPolls - polls;
  fleet.check();
  figure(`${RUNNERS} polling runners, processor`, none.cpuPercent, "% core", { atMost: 10 });
  figure(`${RUNNERS} polling runners, heartbeat statements`, none.heartbeatsPerSecond, "/s", { atMost: 1.05 });
  figure(`${RUNNERS} polling runners, polls answered`, answered, "polls");
  figure(`${RUNNERS} polling runners, statements of all kinds`, none.statements, "in all");
  await fleet.end();
}

async function streaming(bench: Bench): Promise<void> {
  for (const count of [RUNNERS, STREAMS]) {
    await bench.server.stop();
    await bench.server.restart();
    const bare = residentMb(bench.server.pid);
    await using streams = await openStreams(port(bench), bench.runners.slice(0, count));
    await settled(20_000);
    const none = await idle(bench);
    if (streams.lost > 0) throw new Error(`${streams.lost} streams broke off`);
    const limit = count === RUNNERS ? { atMost: 1 } : undefined;
    figure(`${count} idle streams, processor`, none.cpuPercent, "% core", limit);
    figure(`${count} idle streams, heartbeat statements`, none.heartbeatsPerSecond, "/s", { atMost: 1.05 });
    figure(`${count} idle streams, memory of the server`, residentMb(bench.server.pid), "MB", { atMost: 500 });
    figure(`  of which without streams`, bare, "MB");
  }
}

function residentMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

try {
  const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}`;
  const place = pinned ? "server on core 0, clients on core 1" : "not pinned";
  console.log(`${machine}; ${place}; load before ${loadavg()[0]?.toFixed(1)}`);
  const loadBefore = loadavg()[0];
  await part("polling", polling);
  await part("streaming", streaming);
  await part("latency", (bench) => latency(bench, "1,000 parked polls"));
  await part("assignments", assignments);
  await part("lists", latencyBesideLists);
  console.log(JSON.stringify({ bench: "dispatch", machine, pinned, loadBefore, figures }));
} finally {
  await cleanUp();
}
process.exit();
