import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { RegisterRequestSchema, RegisterResponseSchema } from "../src/protocol/messages.ts";
import { ServerProcess, type ServerProcessOptions } from "../test/support/server-process.ts";

/** Headers that say who calls. */
export type Identity = readonly (readonly [string, string])[];

/** Whether the server gets core 0 and this program core 1. */
export const pinned = availableParallelism() >= 2 && spawnSync("taskset", ["--version"]).status === 0;

/** Starts a server on core 0; this process moves to core 1. */
export async function startBenchServer(options: ServerProcessOptions): Promise<ServerProcess> {
  if (pinned) spawnSync("taskset", ["-a", "-c", "-p", "1", String(process.pid)]);
  return await ServerProcess.start({ ...options, ...(pinned ? { prefix: ["taskset", "-c", "0"] } : {}) });
}

/** Processor time of a process and its threads so far, in seconds; 0 where there is no /proc. */
export function cpuSeconds(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** USER_HZ of every Linux that node runs on. */
const TICKS_PER_SECOND = 100;

/** Processor time by thread name since the process began, in seconds: where it goes. */
export function cpuByThread(pid: number | undefined): Record<string, number> {
  const threads: Record<string, number> = {};
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const name = id === String(pid) ? "main" : stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    threads[name] = (threads[name] ?? 0) + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  return threads;
}

/** A unary call by Connect over fetch, for what is not measured. */
export async function call<I extends DescMessage, O extends DescMessage>(
  server: ServerProcess,
  method: string,
  [input, output]: readonly [I, O],
  message: MessageShape<I>,
  headers: Identity = [],
): Promise<MessageShape<O>> {
  const response = await fetch(`${server.url}/api/actions/${method}`, {
    method: "POST",
    headers: [["content-type", "application/proto"], ...headers.map(([k, v]): [string, string] => [k, v])],
    body: toBinary(input, message),
  });
  const body = new Uint8Array(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${method}: ${response.status} ${Buffer.from(body)}`);
  return fromBinary(output, body);
}

/** Registers runners with the label `bench`, a few at a time: argon2 is slow on purpose. */
export async function registerRunners(server: ServerProcess, count: number): Promise<Identity[]> {
  const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
  const runners: Identity[] = [];
  const lane = async () => {
    while (runners.length < count) {
      const slot = runners.push([]) - 1;
      const request = create(RegisterRequestSchema, { name: `bench-${slot}`, token, labels: ["bench"] });
      const schemas = [RegisterRequestSchema, RegisterResponseSchema] as const;
      const { runner } = await call(server, "runner.v1.RunnerService/Register", schemas, request);
      runners[slot] = [
        ["x-runner-uuid", runner?.uuid ?? ""],
        ["x-runner-token", runner?.token ?? ""],
      ];
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return runners;
}
