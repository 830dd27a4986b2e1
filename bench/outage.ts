// A job prints 1,000,000 lines while the server is stopped: it has to end green with every line, and its runner has to
// stay small. `--minutes` says for how long (default 10), `--lines` how many. The last line is one JSON object.
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ServerProcess } from "../test/support/server-process.ts";
import { runOneJob } from "./one-job.ts";

const { values } = parseArgs({ options: { minutes: { type: "string" }, lines: { type: "string" } } });
const outageMinutes = Number(values.minutes ?? 10);
const lines = Number(values.lines ?? 1_000_000);
const LARGEST_RUNNER_MIB = 200;

await using resources = new AsyncDisposableStack();
const root = await realpath(await mkdtemp(join(tmpdir(), "bench-outage-")));
resources.defer(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
await using server = await ServerProcess.start({ args: ["--repo-root", root, "--log-level", "warn"] });
console.log(`the server is stopped for ${outageMinutes} min while a job prints ${lines} lines`);
const figures = await runOneJob(server, { root, lines, outageMinutes });
console.log(`all ${lines} lines arrived ${figures.seconds.toFixed(1)} s after the server was back`);
console.log(`peak memory: runner ${figures.runnerPeakMiB} MiB, server ${figures.serverPeakMiB} MiB`);
console.log(JSON.stringify({ bench: "outage", outageMinutes, ...figures }));
if (figures.runnerPeakMiB > LARGEST_RUNNER_MIB) process.exitCode = 1;
