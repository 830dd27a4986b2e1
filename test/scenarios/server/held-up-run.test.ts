import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { Result } from "../../../src/protocol/messages.ts";
import { mariadbMissing } from "../../support/mariadb.ts";
import { clientsOf, replicaWorld } from "../../support/replica-world.ts";

if (mariadbMissing !== undefined) console.warn(`runs that are held up are skipped: ${mariadbMissing}`);

describe.skipIf(mariadbMissing !== undefined)("a run whose row is locked for long", () => {
  it("holds up neither other runs nor the rest of the server, however much is reported on it", async () => {
    await using world = await replicaWorld(1, { databasePool: 3 });
    const [server] = world.servers;
    if (server === undefined) throw new Error("there is no server");
    const [held, free] = [await world.register(server, "held"), await world.register(server, "free")];
    const runId = await world.submit(server, "held");
    const { tasks } = clientsOf(server.url, held);
    const { task } = await tasks.fetchTask({}, { timeoutMs: 10_000 });
    const id = task?.id ?? 0n;
    await using lock = await lockedRun(world.databaseUrl, runId);
    const reports = Array.from({ length: 8 }, (_, index) =>
      tasks.updateTask({ state: { id }, outputs: { [`key${index}`]: "value" } }, { timeoutMs: 60_000 }),
    );
    // One that waits for the row, to be sure that the others are behind it.
    await lock.waited();
    await world.submit(server, "free");
    const other = clientsOf(server.url, free).tasks;
    const { task: given } = await other.fetchTask({}, { timeoutMs: 20_000 });
    const done = await other.updateTask({ state: { id: given?.id ?? 0n, result: Result.SUCCESS } });
    expect(done.state?.result).toBe(Result.SUCCESS);
    expect(await lock.waiting()).toBe(1);
    await lock.release();
    const keys = (await Promise.all(reports)).map(({ sentOutputs }) => sentOutputs.length);
    expect(Math.max(...keys)).toBe(8);
  });
});

/** Somebody else's transaction that has the run's row. */
async function lockedRun(databaseUrl: string, runId: number) {
  await using stack = new AsyncDisposableStack();
  const [holder, watcher] = [await createConnection(databaseUrl), await createConnection(databaseUrl)];
  stack.defer(() => holder.end());
  stack.defer(() => watcher.end());
  await holder.beginTransaction();
  await holder.query("SELECT id FROM run WHERE id = ? FOR UPDATE", [runId]);
  const waiting = async () => {
    const [rows] = await watcher.query(
      "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%FROM run %FOR UPDATE'",
    );
    return Number((rows as { n: number }[])[0]?.n);
  };
  const owned = stack.move();
  return {
    waiting,
    async waited() {
      while ((await waiting()) === 0) await new Promise((resolve) => setImmediate(resolve));
    },
    release: () => holder.rollback(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
