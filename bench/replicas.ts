// How fast a job that is submitted at one replica wakes a stream at another, and what two idle replicas ask of the
// database; without Redis and with it. Needs MariaDB, and for the second part Redis.
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { createConnection } from "mysql2/promise";
import { eventually } from "../test/support/eventually.ts";
import { mariadbMissing } from "../test/support/mariadb.ts";
import { redisMissing, startRedis } from "../test/support/redis.ts";
import { clientsOf, type ReplicaWorld, replicaWorld, StreamReading } from "../test/support/replica-world.ts";
import type { TestServer } from "../test/support/test-server.ts";

const JOBS = 15;
const IDLE_MS = 5_000;

/** Statements that the database server has taken so far. */
async function statements({ databaseUrl }: ReplicaWorld): Promise<number> {
  const connection = await createConnection(databaseUrl);
  const [rows] = await connection.query(
    "SHOW GLOBAL STATUS WHERE Variable_name REGEXP '^Com_(select|insert|update|delete)$'",
  );
  await connection.end();
  return (rows as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0);
}

async function idleStatements(world: ReplicaWorld): Promise<number> {
  const before = await statements(world);
  const startedAt = performance.now();
  await delay(IDLE_MS);
  return ((await statements(world)) - before) / ((performance.now() - startedAt) / 1_000) / 2;
}

/** Times from the durable job to its offer at the other replica, in ms, sorted. */
async function wakes(world: ReplicaWorld, a: TestServer, b: TestServer): Promise<number[]> {
  const identity = await world.register(b, "linux");
  await using reading = new StreamReading(clientsOf(b.url, identity), 1_000);
  await eventually("the stream to open", () => reading.messages.length > 0);
  const { dispatcher } = b.server.services.protocol;
  const took: number[] = [];
  let readyAt = 0;
  // The moment at which the first replica tells the others is when its job is durable.
  const { bus } = a.server.services.protocol;
  const publish = bus.publish.bind(bus);
  bus.publish = (changes, urgency) => {
    if (changes.some(({ kind }) => kind === "job-waiting")) readyAt = performance.now();
    publish(changes, urgency);
  };
  const waits = dispatcher.jobsWaitElsewhere.bind(dispatcher);
  dispatcher.jobsWaitElsewhere = (jobs) => {
    // The offer may come a second time: by the table after Redis, or when a claim was refused.
    if (jobs.length > 0 && readyAt > 0) {
      took.push(performance.now() - readyAt);
      readyAt = 0;
    }
    waits(jobs);
  };
  for (let i = 1; i <= JOBS; i++) {
    await world.submit(a, "linux");
    await eventually("the wake-up", () => took.length === i);
    await delay(500 + Math.random() * 250);
  }
  return took.sort((x, y) => x - y);
}

async function measure(busUrl?: string) {
  await using world = await replicaWorld(2, busUrl === undefined ? {} : { busUrl });
  const [a, b] = world.servers as [TestServer, TestServer];
  const idle = await idleStatements(world);
  const took = await wakes(world, a, b);
  const at = (share: number) =>
    Math.round((took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0) * 10) / 10;
  return { wakeP50Ms: at(0.5), wakeMaxMs: at(1), idleStatementsPerSecond: Math.round(idle * 100) / 100 };
}

if (mariadbMissing !== undefined) throw new Error(mariadbMissing);
const table = await measure();
await using redis = redisMissing === undefined ? await startRedis() : undefined;
const withRedis = redis === undefined ? undefined : await measure(redis.url);
console.table({ "change table": table, ...(withRedis === undefined ? {} : { Redis: withRedis }) });
console.log(JSON.stringify({ bench: "replicas", table, redis: withRedis ?? null }));
