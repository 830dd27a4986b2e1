import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FetchTaskRequestSchema, FetchTaskResponseSchema, type Task } from "../src/protocol/messages.ts";
import type { Identity } from "./bench-server.ts";
import { type Http1Connection, openHttp1 } from "./http1-connection.ts";
import type { Call } from "./load.ts";

/** A task that a runner of the fleet was given. */
export interface Received {
  readonly runner: FleetRunner;
  readonly task: Task;
  /** `performance.now()` */
  readonly at: number;
}

/** A runner of the fleet: one connection, one poll at a time. */
export interface FleetRunner {
  readonly identity: Identity;
  /** Polls now. */
  poll(): void;
}

/** How a fleet polls. */
export interface FleetOptions {
  /** The deadline that the calls name. */
  readonly deadlineMs: number;
  /** Pause after an answer without a task. */
  readonly pauseMs: () => number;
  /** Takes a task; the runner polls again only when it is told to. */
  readonly onTask: (received: Received) => void;
}

/** Runners that poll for tasks, as stock runners do. */
export class PollFleet {
  readonly #connections: Http1Connection[] = [];
  #stopped = false;
  #empty = 0;
  #failure: Error | undefined;

  /** Opens a connection for each runner; each polls for the first time within `spreadMs`. */
  constructor(port: number, identities: readonly Identity[], options: FleetOptions, spreadMs = 0) {
    for (const identity of identities) this.#add(port, identity, options, spreadMs);
  }

  /** Polls that were answered without a task. */
  get emptyPolls(): number {
    return this.#empty;
  }

  /** @throws Error what a connection failed with */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Closes all connections. */
  async end(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#connections.map((connection) => connection.end()));
  }

  #add(port: number, identity: Identity, { deadlineMs, pauseMs, onTask }: FleetOptions, spreadMs: number): void {
    const call = fetchCall(identity, deadlineMs);
    const poll = () => {
      if (!this.#stopped) connection.send(call);
    };
    const runner: FleetRunner = { identity, poll };
    const connection = openHttp1(
      port,
      ({ status, body }) => {
        const at = performance.now();
        if (status !== 200) this.#failure ??= new Error(`FetchTask: ${status} ${body}`);
        else {
          const { task } = fromBinary(FetchTaskResponseSchema, body);
          if (task !== undefined) return onTask({ runner, task, at });
          this.#empty++;
        }
        setTimeout(poll, pauseMs());
      },
      (error) => {
        if (!this.#stopped) this.#failure ??= error;
      },
    );
    this.#connections.push(connection);
    setTimeout(poll, Math.random() * spreadMs);
  }
}

function fetchCall(identity: Identity, deadlineMs: number): Call {
  return {
    method: "runner.v1.RunnerService/FetchTask",
    headers: [
      ["content-type", "application/proto"],
      ["connect-protocol-version", "1"],
      ["connect-timeout-ms", String(deadlineMs)],
      ["accept-encoding", "gzip"],
      ["user-agent", "bench"],
      ...identity,
    ],
    body: Buffer.from(toBinary(FetchTaskRequestSchema, create(FetchTaskRequestSchema, { tasksVersion: 1n }))),
  };
}
