import { describe, expect, it } from "vitest";
import type { LogFn, Logger } from "../../../src/lib/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { mariadbMissing } from "../../support/mariadb.ts";
import { REDIS_PASSWORD, redisMissing, startRedis } from "../../support/redis.ts";
import { clientsOf, replicaWorld, StreamReading } from "../../support/replica-world.ts";
import { testServer } from "../../support/test-server.ts";

const missing = mariadbMissing ?? redisMissing;
if (missing !== undefined) console.warn(`replicas with Redis are skipped: ${missing}`);

describe.skipIf(missing !== undefined)("two servers on one MariaDB with Redis between them", () => {
  it("hear of a job at once, by the database while Redis is away, and by Redis again when it is back", async () => {
    await using redis = await startRedis();
    const said: string[] = [];
    const say: LogFn = (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`);
    const log: Logger = { debug: say, info: say, warn: say, error: say };
    await using world = await replicaWorld(2, { busUrl: redis.url }, () => ({ log }));
    const [a, b] = world.servers;
    if (a === undefined || b === undefined) throw new Error("there are two servers");
    const identity = await world.register(b, "linux");
    await using reading = new StreamReading(clientsOf(b.url, identity), 100);
    await eventually("the stream to open", () => reading.messages.length > 0);
    const offers = () => reading.messages.filter((message) => message.case === "offer").length;
    const hears = async (count: number) => {
      await world.submit(a, "linux");
      const submittedAt = performance.now();
      await eventually("an offer", () => offers() === count);
      return performance.now() - submittedAt;
    };
    const took = [await hears(1), await hears(2), await hears(3), await hears(4), await hears(5)];
    console.log(
      `with Redis a stream at the other replica heard after ${took.map((ms) => ms.toFixed(0)).join(", ")} ms`,
    );
    // The table is read once a second beside Redis: five jobs that all came that way would have taken longer.
    expect(Math.min(...took)).toBeLessThan(200);
    await redis.stop();
    await eventually("the outage to be noticed", () => said.some((line) => line.startsWith("Redis is away")));
    await hears(6);
    await redis.start();
    await eventually("Redis to be back", () => said.some((line) => line.startsWith("Redis is back")));
    await hears(7);
    expect(
      said.filter((line) => line.includes(REDIS_PASSWORD) || line.includes(encodeURIComponent(REDIS_PASSWORD))),
    ).toEqual([]);
  });

  it("do not start with a wrong password or a URL that is none, and say so without it", async () => {
    await using redis = await startRedis();
    await using world = await replicaWorld(1);
    const start = (busUrl: string) =>
      world.open({ busUrl }).then(
        () => "started",
        (error: unknown) => String(error),
      );
    expect(await start(redis.url.replace(encodeURIComponent(REDIS_PASSWORD), "mistaken"))).toMatch(
      /Redis refuses the user or the password of the bus URL/,
    );
    const unreadable = await start("http://u:mistaken@host");
    expect(unreadable).toMatch(/its form is redis:/);
    expect(unreadable).not.toContain("mistaken");
    await expect(testServer({ busUrl: redis.url })).rejects.toThrow(/give --database too, or no --bus/);
  });

  it("start while Redis is away", async () => {
    await using redis = await startRedis();
    await redis.stop();
    await using world = await replicaWorld(1, { busUrl: redis.url });
    expect((await fetch(`${world.servers[0]?.url}/readyz`)).status).toBe(200);
  });
});
