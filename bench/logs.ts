// Logs: rows a second over 20 tasks, from our runner to the server for one job, and one log of 1 GB written, tailed,
// read and searched. Loopback only, some 2 minutes, nothing is left behind. The last line is one JSON object.
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../test/support/server-process.ts";
import { cpuSeconds, pinned, registerRunners, startBenchServer } from "./bench-server.ts";
import { cleanUp, resources } from "./clean-up.ts";
import { http1Load } from "./http1-load.ts";
import { type LargeLogFigures, measureLargeLog } from "./large-log.ts";
import { measure } from "./load.ts";
import { checkStored, logLanes, takeTasks } from "./log-load.ts";
import { peakMiB, runOneJob } from "./one-job.ts";

const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 15);
const MEGABYTES = Number(process.env["BENCH_LOG_MB"] ?? 1000);
const LINES = Number(process.env["BENCH_LINES"] ?? 500_000);
const TASKS = 20;
const ROWS_PER_CALL = 100;

function row(name: string, value: string): void {
  console.log(`${name.padEnd(46)} ${value}`);
}

/** Many tasks, each with 100 rows a call; the server on one core, this program on the other. */
async function benchTasks(root: string) {
  await using server = resources.use(await startBenchServer({ args: ["--repo-root", root, "--log-level", "warn"] }));
  const tasks = await takeTasks(server, root, await registerRunners(server, TASKS), TASKS);
  await http1Load(Number(new URL(server.url).port), logLanes(tasks, 1));
  const figure = await measure(
    "tasks",
    () => cpuSeconds(server.pid),
    () => http1Load(Number(new URL(server.url).port), logLanes(tasks, SECONDS)),
  );
  await checkStored(server, tasks);
  const rowsPerSecond = figure.callsPerSecond * ROWS_PER_CALL;
  row(`${TASKS} tasks, ${ROWS_PER_CALL} rows a call, every ack on disk`, `${rowsPerSecond} rows/s`);
  row("  the same for a second of the server's CPU", `${figure.callsPerCpuSecond * ROWS_PER_CALL} rows`);
  row("  a call p50 / p99", `${figure.p50Ms} / ${figure.p99Ms} ms`);
  return { ...figure, rowsPerSecond, serverPeakMiB: peakMiB(server.pid) };
}

/** Everything on all cores from here on. */
async function benchOneJob(root: string) {
  await using server = resources.use(await ServerProcess.start({ args: ["--repo-root", root, "--log-level", "warn"] }));
  const figure = await runOneJob(server, { root, lines: LINES });
  row("one job, our runner to the server", `${figure.linesPerSecond} lines/s (${figure.lines} lines)`);
  row("  peak memory of runner / server", `${figure.runnerPeakMiB} / ${figure.serverPeakMiB} MiB`);
  return figure;
}

async function benchLargeLog(root: string): Promise<LargeLogFigures & { readonly serverPeakMiB: number }> {
  await using server = resources.use(await ServerProcess.start({ args: ["--repo-root", root, "--log-level", "warn"] }));
  const [task] = await takeTasks(server, root, await registerRunners(server, 1), 1);
  if (task === undefined) throw new Error("there is no task");
  const figures = await measureLargeLog(server, task, { bytes: MEGABYTES * 1e6, dataDir: server.dataDir });
  const serverPeakMiB = peakMiB(server.pid);
  row(`a log of ${MEGABYTES} MB, ${figures.rows} rows: write`, `${figures.writeSeconds.toFixed(1)} s`);
  row("  move to its blob", `${figures.moveSeconds.toFixed(1)} s, ${Math.round(figures.blobBytes / 1e6)} MB`);
  for (const [when, reads] of Object.entries(figures.reads)) {
    row(`  ${when}: last 100 rows`, `${reads.tail} ms`);
    row(`  ${when}: 100 rows anywhere p50 / p99`, `${reads.randomP50} / ${reads.randomP99} ms`);
    row(
      `  ${when}: search nothing / one row / any case`,
      `${reads.searchNothing} / ${reads.searchOne} / ${reads.searchIgnoringCase} ms`,
    );
  }
  row("  peak memory of the server", `${serverPeakMiB} MiB`);
  return { ...figures, serverPeakMiB };
}

const root = await realpath(await mkdtemp(join(tmpdir(), "bench-logs-")));
resources.defer(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
try {
  const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}`;
  const loadBefore = loadavg()[0];
  console.log(`${machine}; load before ${loadBefore?.toFixed(1)}; SQLite WAL synchronous=FULL`);
  // First what needs both cores: the pinning stays.
  const largeLog = await benchLargeLog(root);
  const oneJob = await benchOneJob(root);
  const tasks = await benchTasks(root);
  console.log(JSON.stringify({ bench: "logs", machine, pinned, loadBefore, tasks, oneJob, largeLog }));
} finally {
  await cleanUp();
}
process.exit();
