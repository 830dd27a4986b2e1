import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { lossyProxy } from "../../support/lossy-proxy.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { replicaWorld } from "../../support/replica-world.ts";
import { ServerProcess } from "../../support/server-process.ts";
import { StockRunner, type StockRunnerEntry } from "../../support/stock-runner.ts";
import { testRunner } from "../../support/test-runner.ts";
import type { TestServer } from "../../support/test-server.ts";

if (mariadbMissing !== undefined) console.warn(`restarts of replicas are skipped: ${mariadbMissing}`);

describe.skipIf(mariadbMissing !== undefined)("three servers on one MariaDB", () => {
  it("that start at once on an empty database migrate it once, and have one administrator", async () => {
    const databaseUrl = await (await sharedMariadb()).createDatabase();
    const env = { ACT_RUNNER_SERVER_KEY: "the server key that all replicas share, long enough" };
    const started = await Promise.allSettled(
      Array.from({ length: 3 }, () => ServerProcess.start({ databaseUrl, env })),
    );
    await using stack = new AsyncDisposableStack();
    const servers = started.flatMap((result) => (result.status === "fulfilled" ? [stack.use(result.value)] : []));
    expect(started.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []))).toEqual([]);
    const connection = await createConnection(databaseUrl);
    stack.defer(() => connection.end());
    const [migrations] = await connection.query("SELECT name, COUNT(*) AS n FROM migrations GROUP BY name");
    for (const { n } of migrations as { n: number }[]) expect(Number(n)).toBe(1);
    const [tokens] = await connection.query("SELECT COUNT(*) AS n FROM api_token WHERE name = 'first admin token'");
    expect(Number((tokens as { n: number }[])[0]?.n)).toBe(1);
    expect(servers.filter(({ output }) => output.includes("Admin API token"))).toHaveLength(1);
    for (const server of servers) expect((await server.api("GET", "/version")).status).toBeLessThan(500);
  });

  it("are restarted one after the other behind a balancer, and runners lose nothing", { timeout: 90_000 }, async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    await using world = await replicaWorld(1);
    const [admin] = world.servers;
    if (admin === undefined) throw new Error("there is a server");
    await using balancer = await lossyProxy(
      ports.map((port) => `127.0.0.1:${port}`),
      { random: () => 1 },
    );
    const open = (index: number) =>
      world.open({ listen: { host: "127.0.0.1", port: ports[index] ?? 0 }, publicUrl: balancer.url });
    const servers: TestServer[] = [await open(0), await open(1), await open(2)];
    const { url } = balancer;
    await using ours = await testRunner({ url, registrationToken: world.registrationToken, label: "ours" });
    const journal: StockRunnerEntry[] = [];
    const identity = await world.register(admin, "stock");
    using stock = new StockRunner({
      ...{
        url,
        identity,
        batches: () => [["one"], ["two"]],
        tickMs: 100,
        journal: (entry) => void journal.push(entry),
      },
    });
    const stopping = new AbortController();
    const polling = stock.run({ signal: stopping.signal });
    const runs: number[] = [];
    const submit = async () => {
      runs.push(await world.submit(admin, "ours"), await world.submit(admin, "stock"));
    };
    await submit();
    for (let index = 0; index < 3; index++) {
      await submit();
      await servers[index]?.server.close({ graceMs: 2_000 });
      await submit();
      servers[index] = await open(index);
    }
    await submit();
    const conclusions = () =>
      Promise.all(
        runs.map(async (run) => (await admin.admin.get(`/repos/olga/app/actions/runs/${run}`)).json.conclusion),
      );
    await eventually("all runs to end", async () => (await conclusions()).every((word) => word !== null), 60_000);
    expect(new Set(await conclusions())).toEqual(new Set(["success"]));
    // Nothing was done twice.
    const done = journal.filter(({ what }) => what === "executed").map(({ task }) => task);
    expect(new Set(done).size).toBe(runs.length / 2);
    expect(journal.filter(({ what }) => what === "refused")).toEqual([]);
    expect(ours.said.some(({ message }) => /the server ends the stream of tasks/.test(message))).toBe(true);
    stopping.abort();
    await polling;
  });

  it("are not ready while their database is away or they close", async () => {
    await using world = await replicaWorld(1);
    const database = new URL(world.databaseUrl);
    await using way = await lossyProxy([database.host], { random: () => 1 });
    const databaseUrl = world.databaseUrl.replace(database.host, new URL(way.url).host);
    const server = await world.open({ databaseUrl });
    const ready = async () => (await fetch(`${server.url}/readyz`).catch(() => undefined))?.status;
    expect(await ready()).toBe(200);
    await way[Symbol.asyncDispose]();
    expect(await ready()).toBe(503);
    const closing = server.server.close({ graceMs: 0 });
    expect(await ready()).not.toBe(200);
    await closing;
    expect(await ready()).toBeUndefined();
  });
});
