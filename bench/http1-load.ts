import { openHttp1 } from "./http1-connection.ts";
import type { CallSource, LoadResult } from "./load.ts";

/** Sends calls over keep-alive HTTP/1.1 connections, one at a time on each, until the source has no more. */
export async function http1Load(port: number, lanes: readonly CallSource[]): Promise<LoadResult> {
  const result: LoadResult = { calls: 0, failures: [], latenciesMs: [] };
  await Promise.all(lanes.map((lane) => runLane(port, lane, result)));
  return result;
}

function runLane(port: number, lane: CallSource, result: LoadResult): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    const send = (): void => {
      const call = lane.next();
      if (call === undefined) {
        void connection.end().then(resolve);
        return;
      }
      sentAt = performance.now();
      connection.send(call);
    };
    const connection = openHttp1(
      port,
      ({ status, body }) => {
        result.latenciesMs.push(performance.now() - sentAt);
        result.calls++;
        if (status !== 200) result.failures.push(`${status} ${body}`);
        lane.answered(body, status === 200);
        send();
      },
      reject,
    );
    send();
  });
}
