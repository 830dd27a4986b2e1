// How many calls the server answers on one core: FetchTask without work, and rows of logs. Loopback only, some 90 s,
// nothing is left behind. The last line is one JSON object.
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { mariadbMissing, sharedMariadb } from "../test/support/mariadb.ts";
import type { ServerProcess } from "../test/support/server-process.ts";
import { cpuByThread, cpuSeconds, pinned, registerRunners, startBenchServer } from "./bench-server.ts";
import { cleanUp, resources } from "./clean-up.ts";
import { fetchLanes, pingLanes } from "./fetch-load.ts";
import { http1Load } from "./http1-load.ts";
import { http2Load } from "./http2-load.ts";
import { type CallSource, type LoadResult, type Measured, measure } from "./load.ts";
import { checkStored, logLanes, takeTasks } from "./log-load.ts";

const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 5);
const RUNNERS = Number(process.env["BENCH_RUNNERS"] ?? 600);
const LANES = 32;
const MANY_TASKS = 32;
const ROWS_PER_CALL = 100;
/** Node options of the server, such as `--cpu-prof`. */
const NODE_ARGS = (process.env["BENCH_NODE_ARGS"] ?? "").split(" ").filter((arg) => arg !== "");

type Load = (port: number, lanes: readonly CallSource[]) => Promise<LoadResult>;

/** Loads a server on core 0 and returns what was measured. */
async function benchDatabase(database: string, databaseUrl: string | undefined, root: string): Promise<Measured[]> {
  const figures: Measured[] = [];
  const options = { args: ["--repo-root", root, "--log-level", "warn"], nodeArgs: NODE_ARGS };
  await using server = resources.use(
    await startBenchServer(databaseUrl === undefined ? options : { ...options, databaseUrl }),
  );
  const run = async (name: string, load: Load, lanes: () => CallSource[]) => {
    const before = cpuByThread(server.pid);
    const port = Number(new URL(server.url).port);
    const figure = await measure(
      `${database} ${name}`,
      () => cpuSeconds(server.pid),
      () => load(port, lanes()),
    );
    figures.push(figure);
    printRow(figure, threadShares(before, cpuByThread(server.pid)));
  };

  // The first one warms up the program after a restart, so that "cold" is the token cache alone.
  const [first, ...runners] = await registerRunners(server, RUNNERS + 1);
  if (first === undefined) throw new Error("no runner was registered");
  for (const [name, load] of [
    ["HTTP/1.1", http1Load],
    ["h2c", http2Load],
  ] as const) {
    await server.stop();
    await server.restart();
    const warmUp = { seconds: Math.min(2, SECONDS) };
    await load(Number(new URL(server.url).port), fetchLanes([first], LANES, warmUp));
    await run(`FetchTask ${name} cold`, load, () => fetchLanes(runners, LANES, "once each"));
    await run(`Ping ${name} (floor)`, load, () => pingLanes(LANES, SECONDS));
    await run(`FetchTask ${name} warm`, load, () => fetchLanes(runners, LANES, { seconds: SECONDS }));
  }
  await benchLogs(server, root, runners, run);
  await server.stop();
  return figures;
}

async function benchLogs(
  server: ServerProcess,
  root: string,
  runners: Awaited<ReturnType<typeof registerRunners>>,
  run: (name: string, load: Load, lanes: () => CallSource[]) => Promise<void>,
): Promise<void> {
  const tasks = await takeTasks(server, root, runners, MANY_TASKS);
  await http1Load(Number(new URL(server.url).port), logLanes(tasks, 1));
  for (const count of [1, 4, MANY_TASKS]) {
    await run(`UpdateLog ${count} ${count === 1 ? "task" : "tasks"}`, http1Load, () =>
      logLanes(tasks.slice(0, count), SECONDS),
    );
  }
  await checkStored(server, tasks);
}

function threadShares(before: Record<string, number>, after: Record<string, number>): string {
  return Object.entries(after)
    .map(([name, seconds]): [string, number] => [name, seconds - (before[name] ?? 0)])
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`)
    .join(", ");
}

function rowsPerSecond(figure: Measured): number | undefined {
  return figure.name.includes("UpdateLog") ? figure.callsPerSecond * ROWS_PER_CALL : undefined;
}

function printRow(figure: Measured, threads: string): void {
  const rows = rowsPerSecond(figure);
  const cells = [
    figure.name.padEnd(30),
    String(figure.callsPerSecond).padStart(8),
    String(figure.callsPerCpuSecond).padStart(12),
    figure.p50Ms.toFixed(2).padStart(8),
    figure.p99Ms.toFixed(2).padStart(8),
    (rows === undefined ? "" : String(rows)).padStart(8),
    String(figure.failures).padStart(6),
  ];
  console.log(`${cells.join(" ")}  ${threads}`);
}

/** Every acknowledgement is to be on disk: the private server of the tests is laxer. */
async function makeDurable(databaseUrl: string): Promise<void> {
  const connection = await createConnection(databaseUrl);
  await connection.query("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
  await connection.end();
}

const root = await realpath(await mkdtemp(join(tmpdir(), "bench-rpc-")));
resources.defer(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
try {
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}`;
  console.log(
    `${machine}; server ${pinned ? "on core 0, client on core 1" : "not pinned"}; load before ${loadavg()[0]?.toFixed(1)}`,
  );
  console.log("durability: SQLite WAL synchronous=FULL; MariaDB innodb_flush_log_at_trx_commit=1");
  console.log(`${"".padEnd(30)}  calls/s  calls/cpu-s   p50 ms   p99 ms   rows/s failed  server's threads`);
  const figures = await benchDatabase("sqlite", undefined, root);
  if (mariadbMissing === undefined) {
    const url = await (await sharedMariadb()).createDatabase();
    await makeDurable(url);
    figures.push(...(await benchDatabase("mariadb", url, root)));
  } else {
    console.log(`mariadb is skipped: ${mariadbMissing}`);
  }
  const results = figures.map((figure) => ({ ...figure, rowsPerSecond: rowsPerSecond(figure) }));
  console.log(JSON.stringify({ bench: "rpc", machine, pinned, loadBefore: loadavg()[0], results }));
} finally {
  await cleanUp();
}
process.exit();
