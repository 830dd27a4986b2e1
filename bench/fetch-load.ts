import { create, toBinary } from "@bufbuild/protobuf";
import { FetchTaskRequestSchema, PingRequestSchema } from "../src/protocol/messages.ts";
import type { Identity } from "./bench-server.ts";
import type { Call, CallSource } from "./load.ts";

/** Below the margin of 500 ms that the server keeps, so that a call is answered at once instead of being parked. */
const TIMEOUT_MS = 400;

/** The headers that stock runners send. */
const HEADERS: Identity = [
  ["content-type", "application/proto"],
  ["connect-protocol-version", "1"],
  ["connect-timeout-ms", String(TIMEOUT_MS)],
  ["accept-encoding", "gzip"],
  ["user-agent", "bench"],
];

/** Lanes of calls that the server answers without a look at anything: what HTTP and Connect alone cost. */
export function pingLanes(lanes: number, seconds: number): CallSource[] {
  const body = Buffer.from(toBinary(PingRequestSchema, create(PingRequestSchema, { data: "bench" })));
  const call: Call = { method: "ping.v1.PingService/Ping", headers: HEADERS, body };
  const end = performance.now() + seconds * 1000;
  const source: CallSource = { next: () => (performance.now() > end ? undefined : call), answered() {} };
  return Array.from({ length: lanes }, () => source);
}

/** FetchTask of one runner, as stock runners send it. */
function fetchCall(identity: Identity): Call {
  return {
    method: "runner.v1.RunnerService/FetchTask",
    headers: [...HEADERS, ...identity],
    body: Buffer.from(toBinary(FetchTaskRequestSchema, create(FetchTaskRequestSchema, { tasksVersion: 1n }))),
  };
}

/** Lanes that let all runners fetch in turn, for some time or once each. */
export function fetchLanes(
  runners: readonly Identity[],
  lanes: number,
  until: { seconds: number } | "once each",
): CallSource[] {
  const calls = runners.map(fetchCall);
  const end = until === "once each" ? Number.POSITIVE_INFINITY : performance.now() + until.seconds * 1000;
  let sent = 0;
  const source: CallSource = {
    next() {
      if (performance.now() > end || (until === "once each" && sent >= calls.length)) return undefined;
      return calls[sent++ % calls.length];
    },
    answered() {},
  };
  return Array.from({ length: lanes }, () => source);
}
