import { randomBytes } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Connection, createConnection } from "mysql2/promise";
import { RunnerService } from "../../src/protocol/messages.ts";
import { makeLocalRepository } from "../e2e/local-repository.ts";
import { type LossyProxy, lossyProxy } from "../support/lossy-proxy.ts";
import { ServerProcess } from "../support/server-process.ts";
import { type StoppableMariadb, stoppableMariadb } from "../support/stoppable-mariadb.ts";
import type { ChaosOptions } from "./chaos-options.ts";

/** Jobs of one run. */
const LEGS = 50;
const WORKFLOW = `on: { workflow_dispatch: { inputs: { legs: { type: string } } } }
jobs:
  leg:
    strategy: { fail-fast: false, matrix: { n: "\${{ fromJSON(inputs.legs) }}" } }
    runs-on: chaos
    steps: [{ run: echo }]
`;

/** Replicas on one database, and a load balancer that loses answers before them. Disposing ends everything. */
export interface ChaosWorld extends AsyncDisposable {
  readonly database: StoppableMariadb;
  readonly replicas: readonly ServerProcess[];
  readonly proxy: LossyProxy;
  /** Registers runners, not through the proxy. */
  register(count: number): Promise<readonly { readonly uuid: string; readonly token: string }[]>;
  /** Submits so many jobs, in runs of 50, to the replicas in turn. */
  submit(jobs: number): Promise<void>;
  /** Asks the database itself; undefined while it is away. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any table
  query(sql: string): Promise<any[] | undefined>;
  /** Rows of a job's log, without their times. */
  logOf(jobId: number): Promise<string[]>;
}

/** Starts the world. */
export async function chaosWorld(options: ChaosOptions, random: () => number): Promise<ChaosWorld> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await stoppableMariadb());
  const repository = stack.use(await makeLocalRepository({ ".gitea/workflows/chaos.yml": WORKFLOW }));
  const secret = () => randomBytes(20).toString("hex");
  const env = {
    ...{ ACT_RUNNER_SERVER_KEY: secret(), ACT_RUNNER_ADMIN_TOKEN: secret() },
    ...{ ACT_RUNNER_REGISTRATION_TOKEN: secret(), ACT_RUNNER_DATABASE_POOL: "20" },
  };
  const args = ["--repo-root", repository.root];
  const start = () => ServerProcess.start({ databaseUrl: database.url, env, args });
  // Together, on an empty database.
  const started = await Promise.allSettled(Array.from({ length: options.replicas }, start));
  const replicas = started.flatMap((one) => (one.status === "fulfilled" ? [stack.use(one.value)] : []));
  for (const one of started) if (one.status === "rejected") throw one.reason;
  const first = replicas[0];
  if (first === undefined) throw new Error("a chaos run needs a replica");
  await first.get("POST", "/user/repos", { name: "chaos", clone_url: repository.path });
  const upstreams = replicas.map(({ address }) => address);
  const proxy = stack.use(await lossyProxy(upstreams, { loss: options.loss, random }));
  let connection: Connection | undefined;
  stack.defer(async () => await connection?.end().catch(() => undefined));
  const owned = stack.move();
  return {
    ...{ database, replicas, proxy },
    async register(count) {
      const transport = createConnectTransport({ baseUrl: `${first.url}/api/actions`, httpVersion: "1.1" });
      const client = createClient(RunnerService, transport);
      const token = env.ACT_RUNNER_REGISTRATION_TOKEN;
      const made: { uuid: string; token: string }[] = [];
      for (let index = 0; index < count; index++) {
        const { runner } = await client.register({ name: `poller ${index}`, token, labels: ["chaos"], version: "1" });
        if (runner !== undefined) made.push(runner);
      }
      return made;
    },
    async submit(jobs) {
      for (let made = 0; made < jobs; made += LEGS) {
        const legs = Array.from({ length: Math.min(LEGS, jobs - made) }, (_, index) => made + index);
        const replica = replicas[(made / LEGS) % replicas.length] ?? first;
        const inputs = { legs: JSON.stringify(legs) };
        await replica.get("POST", "/runs", { repository: "admin/chaos", workflow: "chaos.yml", inputs });
      }
    },
    async query(sql) {
      try {
        connection ??= await createConnection(database.url);
        const [rows] = await connection.query(sql);
        return rows as unknown[];
      } catch {
        connection?.destroy();
        connection = undefined;
        return undefined;
      }
    },
    async logOf(jobId) {
      const replica = replicas[jobId % replicas.length] ?? first;
      const { status, text } = await replica.api("GET", `/repos/admin/chaos/actions/jobs/${jobId}/logs`);
      if (status !== 200) throw new Error(`the log of job ${jobId}: ${status} ${text}`);
      return text.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(line.indexOf(" ") + 1)]));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
