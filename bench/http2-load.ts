import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { CallSource, LoadResult } from "./load.ts";

/** Like `http1Load`, over HTTP/2 without TLS: the lanes share a few connections. */
export async function http2Load(port: number, lanes: readonly CallSource[], connections = 4): Promise<LoadResult> {
  const result: LoadResult = { calls: 0, failures: [], latenciesMs: [] };
  const sessions = Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
  try {
    await Promise.all(sessions.map((session) => once(session, "connect")));
    await Promise.all(
      lanes.map((lane, index) => runLane(sessions[index % connections] as ClientHttp2Session, lane, result)),
    );
  } finally {
    for (const session of sessions) session.destroy();
  }
  return result;
}

function runLane(session: ClientHttp2Session, lane: CallSource, result: LoadResult): Promise<void> {
  return new Promise((resolve, reject) => {
    const send = (): void => {
      const call = lane.next();
      if (call === undefined) {
        resolve();
        return;
      }
      const sentAt = performance.now();
      const stream = session.request({
        ":method": "POST",
        ":path": `/api/actions/${call.method}`,
        ...Object.fromEntries(call.headers),
      });
      let status = 0;
      const chunks: Buffer[] = [];
      stream.once("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.once("error", reject);
      stream.once("end", () => {
        const body = Buffer.concat(chunks);
        result.latenciesMs.push(performance.now() - sentAt);
        result.calls++;
        if (status !== 200) result.failures.push(`${status} ${body}`);
        lane.answered(body, status === 200);
        send();
      });
      stream.end(call.body);
    };
    send();
  });
}
