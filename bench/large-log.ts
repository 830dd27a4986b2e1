import { stat } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { UpdateLogRequestSchema, UpdateLogResponseSchema } from "../src/protocol/messages.ts";
import type { ServerProcess } from "../test/support/server-process.ts";
import { call } from "./bench-server.ts";
import type { BenchTask } from "./log-load.ts";
import { percentile } from "./percentile.ts";

const ROWS_PER_CALL = 80_000;
const RANDOM_READS = 100;
const ACTIONS = "/repos/admin/bench/actions";

/** What was found out about one large log. Times in ms unless named otherwise. */
export interface LargeLogFigures {
  readonly bytes: number;
  readonly rows: number;
  readonly writeSeconds: number;
  /** From its end to when it lies in its blob. */
  readonly moveSeconds: number;
  readonly blobBytes: number;
  /** While it grew and after the move. */
  readonly reads: Readonly<Record<"growing" | "moved", LogReads>>;
}

/** Times of reading. */
interface LogReads {
  readonly tail: number;
  readonly randomP50: number;
  readonly randomP99: number;
  /** For a text that no row holds. */
  readonly searchNothing: number;
  /** For a text that one row holds. */
  readonly searchOne: number;
  readonly searchIgnoringCase: number;
}

/** Writes the log of the only job: so many bytes in calls of 80,000 rows, as a runner does after an outage, then reads and searches it. */
export async function measureLargeLog(
  server: ServerProcess,
  task: BenchTask,
  { bytes, dataDir }: { readonly bytes: number; readonly dataDir: string },
): Promise<LargeLogFigures> {
  const job = await onlyJob(server);
  const { body, size } = rowsLikeABuild();
  const calls = Math.ceil(bytes / size);
  const began = performance.now();
  for (let at = 0; at < calls; at++) {
    await send(server, task, body);
    if (at === Math.floor(calls * 0.7)) await send(server, task, encoded(["needle in a large log: é 4711"]));
  }
  const writeSeconds = (performance.now() - began) / 1000;
  const rows = Number(task.acked);
  const growing = await measureReads(server, job, rows);
  const ended = performance.now();
  await updateLog(server, task, create(UpdateLogRequestSchema, { taskId: task.id, index: task.acked, noMore: true }));
  const path = join(dataDir, "blobs", "logs", (Number(task.id) % 256).toString(16).padStart(2, "0"), `${task.id}.log`);
  let blob = await stat(path).catch(() => undefined);
  while (blob === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    blob = await stat(path).catch(() => undefined);
  }
  const moveSeconds = (performance.now() - ended) / 1000;
  const moved = await measureReads(server, job, rows);
  return { bytes: calls * size, rows, writeSeconds, moveSeconds, blobBytes: blob.size, reads: { growing, moved } };
}

async function measureReads(server: ServerProcess, job: JobIds, rows: number): Promise<LogReads> {
  const text = async (query: string) => await (await get(server, `${ACTIONS}/jobs/${job.id}/logs?${query}`)).text();
  const search = async (query: string, expected: number) => {
    const answer = await (await get(server, `${ACTIONS}/runs/${job.run}/logs/search?job_id=${job.id}&${query}`)).text();
    const end = JSON.parse(answer.trimEnd().split("\n").at(-1) ?? "{}");
    if (end.matches !== expected || end.searched_rows !== rows) throw new Error(`the search ended with ${answer}`);
  };
  await text("tail=1");
  const tail = await timed(() => text("tail=100"));
  const randoms: number[] = [];
  for (let i = 0; i < RANDOM_READS; i++) {
    const from = Math.floor(((i * 7919) % RANDOM_READS) * (rows / RANDOM_READS));
    randoms.push(await timed(() => text(`from=${from}&limit=100`)));
  }
  return {
    ...{ tail, randomP50: percentile(randoms, 0.5), randomP99: percentile(randoms, 0.99) },
    searchNothing: await timed(() => search("q=no%20row%20holds%20this", 0)),
    searchOne: await timed(() => search("q=needle%20in%20a%20large%20log", 1)),
    searchIgnoringCase: await timed(() => search("q=NEEDLE%20IN%20A%20large&ignore_case=true", 1)),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return Math.round((performance.now() - began) * 10) / 10;
}

async function get(server: ServerProcess, path: string): Promise<Response> {
  const headers = { authorization: `Bearer ${server.adminToken}` };
  const response = await fetch(`${server.url}/api/v1${path}`, { headers });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

interface JobIds {
  readonly id: number;
  readonly run: number;
}

/** The one job there is. */
async function onlyJob(server: ServerProcess): Promise<JobIds> {
  const { jobs } = await server.get("GET", `${ACTIONS}/jobs?limit=50`);
  if (jobs.length !== 1) throw new Error(`there are ${jobs.length} jobs, not one`);
  return { id: jobs[0].id, run: jobs[0].run_id };
}

async function send(server: ServerProcess, task: BenchTask, rows: Uint8Array): Promise<void> {
  const head = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { taskId: task.id, index: task.acked }));
  const response = await fetch(`${server.url}/api/actions/runner.v1.RunnerService/UpdateLog`, {
    method: "POST",
    headers: [["content-type", "application/proto"], ...task.identity.map(([k, v]): [string, string] => [k, v])],
    body: Buffer.concat([head, rows]),
  });
  if (!response.ok) throw new Error(`UpdateLog: ${response.status} ${await response.text()}`);
  const answer = new Uint8Array(await response.arrayBuffer());
  task.acked = fromBinary(UpdateLogResponseSchema, answer).ackIndex;
}

async function updateLog(
  server: ServerProcess,
  task: BenchTask,
  request: MessageShape<typeof UpdateLogRequestSchema>,
): Promise<void> {
  const schemas = [UpdateLogRequestSchema, UpdateLogResponseSchema] as const;
  await call(server, "runner.v1.RunnerService/UpdateLog", schemas, request, task.identity);
}

function encoded(contents: readonly string[]): Uint8Array {
  const time = timestampFromMs(1_790_000_000_000);
  const rows = contents.map((content) => ({ time, content }));
  return toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { rows }));
}

/** 80,000 rows of some 100 characters, no two alike, and their length as they are stored. */
function rowsLikeABuild(): { readonly body: Uint8Array; readonly size: number } {
  const contents = Array.from(
    { length: ROWS_PER_CALL },
    (_, n) =>
      `[${n}/80000] cc -O2 -Wall -Wextra -c src/module_${(n * 7919) % 1000}/file_${n}.c -o build/obj/${(n * 104_729) % 65_536}.o ${((n * 2_654_435_761) % 2 ** 32).toString(36)}`,
  );
  return { body: encoded(contents), size: contents.reduce((sum, content) => sum + content.length + 1, 0) };
}
