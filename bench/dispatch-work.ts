import { create, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Result, UpdateTaskRequestSchema } from "../src/protocol/messages.ts";
import type { ServerProcess } from "../test/support/server-process.ts";
import { cpuSeconds, type Identity } from "./bench-server.ts";
import { type Http1Connection, openHttp1 } from "./http1-connection.ts";
import { PollFleet, type Received } from "./poll-fleet.ts";

/** The repository of the bench. */
export const REPOSITORY = "admin/bench";
/** Jobs of `chain.yml`, each of which needs the one before. */
export const CHAIN = 10;
/** Jobs of `wide.yml`, which are ready together. */
export const WIDE = 100;

/** The workflow files of the bench's repository. */
export function workflowFiles(): Record<string, string> {
  const job = (name: string, needs: string) =>
    `  ${name}:\n    runs-on: bench\n${needs}    steps:\n      - run: "true"\n`;
  const chain = Array.from({ length: CHAIN }, (_, n) => job(`job${n}`, n === 0 ? "" : `    needs: job${n - 1}\n`));
  const wide = Array.from({ length: WIDE }, (_, n) => job(`job${n}`, ""));
  return {
    ".gitea/workflows/chain.yml": `on: workflow_dispatch\njobs:\n${chain.join("")}`,
    ".gitea/workflows/wide.yml": `on: workflow_dispatch\njobs:\n${wide.join("")}`,
  };
}

/** Submits runs, one after the other. */
export async function submit(server: ServerProcess, workflow: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await server.get("POST", "/runs", { repository: REPOSITORY, workflow });
}

/** Times in ms, sorted. */
export interface ReadyToReceived {
  /** From the request that ends a job, and so makes the next one ready, until a parked poll has that one. */
  readonly fromReport: number[];
  /** From the answer to that request, when the next job is ready for sure. */
  readonly fromReady: number[];
}

/**
 * Lets a fleet of parked polls do chains of jobs, one job after the other: the time between the end of a job, which
 * makes the next one ready, and the task with the next one at another runner.
 */
export async function timeChains(
  server: ServerProcess,
  identities: readonly Identity[],
  chains: number,
): Promise<ReadyToReceived> {
  const port = Number(new URL(server.url).port);
  const received: Received[] = [];
  let wake = () => {};
  const onTask = (task: Received) => {
    received.push(task);
    wake();
  };
  const fleet = new PollFleet(port, identities, { deadlineMs: 50_000, pauseMs: () => 0, onTask }, 500);
  const next = async (): Promise<Received> => {
    for (;;) {
      fleet.check();
      const task = received.shift();
      if (task !== undefined) return task;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1_000);
      });
    }
  };
  const reporter = new Reporter(port);
  try {
    await settled(2_000);
    const times = { fromReport: [] as number[], fromReady: [] as number[] };
    for (let chain = 0; chain < chains; chain++) {
      await submit(server, "chain.yml", 1);
      let current = await next();
      for (let job = 1; job < CHAIN; job++) {
        const sent = performance.now();
        const answered = reporter.finish(current);
        const [answeredAt, following] = await Promise.all([answered, next()]);
        times.fromReport.push(following.at - sent);
        times.fromReady.push(Math.max(0, following.at - answeredAt));
        current.runner.poll();
        current = following;
      }
      await reporter.finish(current);
      current.runner.poll();
    }
    return { fromReport: sorted(times.fromReport), fromReady: sorted(times.fromReady) };
  } finally {
    await reporter.end();
    await fleet.end();
  }
}

/**
 * Hands out jobs that wait already to a fleet as fast as it goes; resolves to the seconds that took, and to the
 * server's processor time.
 */
export async function timeAssignments(
  server: ServerProcess,
  identities: readonly Identity[],
  jobs: number,
): Promise<{ readonly seconds: number; readonly cpu: number }> {
  const port = Number(new URL(server.url).port);
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = jobs;
  const [start, cpu] = [performance.now(), cpuSeconds(server.pid)];
  const onTask = ({ runner }: Received) => {
    left--;
    if (left > 0) runner.poll();
    else resolve();
  };
  const fleet = new PollFleet(port, identities, { deadlineMs: 5_000, pauseMs: () => 0, onTask });
  try {
    await promise;
    return { seconds: (performance.now() - start) / 1_000, cpu: cpuSeconds(server.pid) - cpu };
  } finally {
    await fleet.end();
  }
}

/** Reports results, one at a time. */
class Reporter {
  readonly #connection: Http1Connection;
  #answered: (at: number) => void = () => {};
  #failed: (error: Error) => void = () => {};

  constructor(port: number) {
    this.#connection = openHttp1(
      port,
      ({ status, body }) => {
        if (status === 200) this.#answered(performance.now());
        else this.#failed(new Error(`UpdateTask: ${status} ${body}`));
      },
      (error) => this.#failed(error),
    );
  }

  /** Ends a task with success; resolves to when the answer came. */
  finish({ runner, task }: Received): Promise<number> {
    const now = timestampNow();
    const state = { id: task.id, result: Result.SUCCESS, startedAt: now, stoppedAt: now };
    const body = Buffer.from(toBinary(UpdateTaskRequestSchema, create(UpdateTaskRequestSchema, { state })));
    const headers = [["content-type", "application/proto"], ["user-agent", "bench"], ...runner.identity] as const;
    this.#connection.send({ method: "runner.v1.RunnerService/UpdateTask", headers, body });
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  end(): Promise<void> {
    return this.#connection.end();
  }
}

/** Lets what was started come to rest. */
export function settled(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sorted(times: number[]): number[] {
  return times.sort((a, b) => a - b);
}
