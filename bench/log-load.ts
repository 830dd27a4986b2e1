import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  FetchTaskRequestSchema,
  FetchTaskResponseSchema,
  UpdateLogRequestSchema,
  UpdateLogResponseSchema,
} from "../src/protocol/messages.ts";
import { makeLocalRepository } from "../test/e2e/local-repository.ts";
import type { ServerProcess } from "../test/support/server-process.ts";
import { call, type Identity } from "./bench-server.ts";
import type { CallSource } from "./load.ts";

const ROWS_PER_CALL = 100;

/** A task that a runner of the bench holds, and how much of its log the server has acknowledged. */
export interface BenchTask {
  readonly id: bigint;
  readonly identity: Identity;
  acked: bigint;
}

/** Makes a repository with a workflow of `count` jobs, submits it and fetches all its tasks, each with a runner of its own. */
export async function takeTasks(
  server: ServerProcess,
  root: string,
  runners: readonly Identity[],
  count: number,
): Promise<BenchTask[]> {
  await using repository = await makeLocalRepository({ ".gitea/workflows/bench.yml": workflow(count) }, { root });
  await server.get("POST", "/user/repos", { name: "bench", clone_url: repository.path });
  await server.get("POST", "/runs", { repository: "admin/bench", workflow: "bench.yml" });
  const tasks: BenchTask[] = [];
  for (const identity of runners.slice(0, count)) {
    const schemas = [FetchTaskRequestSchema, FetchTaskResponseSchema] as const;
    const { task } = await call(server, "runner.v1.RunnerService/FetchTask", schemas, create(FetchTaskRequestSchema), [
      ...identity,
      ["connect-timeout-ms", "5000"],
    ]);
    if (task === undefined) throw new Error("there are fewer tasks than jobs");
    tasks.push({ id: task.id, identity, acked: 0n });
  }
  return tasks;
}

function workflow(count: number): string {
  const jobs = Array.from(
    { length: count },
    (_, n) => `  job${n}:\n    runs-on: bench\n    steps:\n      - run: "true"\n`,
  );
  return `on: workflow_dispatch\njobs:\n${jobs.join("")}`;
}

/** A lane for each task that sends 100 rows with every call, one call after the other as runners do, for some time. */
export function logLanes(tasks: readonly BenchTask[], seconds: number): CallSource[] {
  const end = performance.now() + seconds * 1000;
  const rows = encodedRows();
  return tasks.map((task) => {
    const headers = [
      ["content-type", "application/proto"],
      ["connect-protocol-version", "1"],
      ["accept-encoding", "gzip"],
      ["user-agent", "bench"],
      ...task.identity,
    ] as const;
    return {
      next() {
        if (performance.now() > end) return undefined;
        // Fields may come in any order, so that only the small head is encoded for each call.
        const head = toBinary(
          UpdateLogRequestSchema,
          create(UpdateLogRequestSchema, { taskId: task.id, index: task.acked }),
        );
        return { method: "runner.v1.RunnerService/UpdateLog", headers, body: Buffer.concat([head, rows]) };
      },
      answered(body, ok) {
        if (!ok) return;
        const { ackIndex } = fromBinary(UpdateLogResponseSchema, body);
        if (ackIndex !== task.acked + BigInt(ROWS_PER_CALL))
          throw new Error(`task ${task.id}: ${ackIndex} rows after ${task.acked}`);
        task.acked = ackIndex;
      },
    };
  });
}

/** Rows like those of a build: 90 characters or so, no two alike. */
function encodedRows(): Buffer {
  const time = timestampFromMs(1_700_000_000_000);
  const rows = Array.from({ length: ROWS_PER_CALL }, (_, n) => ({
    time,
    content: `[${n}/4096] cc -O2 -Wall -Wextra -c src/module_${(n * 7919) % 1000}/file_${n}.c -o build/obj/${(n * 104_729) % 65_536}.o`,
  }));
  return Buffer.from(toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { rows })));
}

/** Compares what the server has stored with what it acknowledged. @throws Error where a row is missing */
export async function checkStored(server: ServerProcess, tasks: readonly BenchTask[]): Promise<void> {
  const { jobs } = await server.get("GET", `/repos/admin/bench/actions/jobs?limit=50`);
  const stored = await Promise.all(
    jobs.map(async (job: { id: number }) => {
      const response = await fetch(`${server.url}/api/v1/repos/admin/bench/actions/jobs/${job.id}/logs?limit=1`, {
        headers: { authorization: `Bearer ${server.adminToken}` },
      });
      await response.body?.cancel();
      return Number(response.headers.get("x-log-rows"));
    }),
  );
  const sum = stored.reduce((a: number, b: number) => a + b, 0);
  const acknowledged = tasks.reduce((total, task) => total + Number(task.acked), 0);
  if (sum !== acknowledged) throw new Error(`${acknowledged} rows were acknowledged, ${sum} are stored`);
}
