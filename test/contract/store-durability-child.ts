import { systemClock } from "../../src/lib/clock.ts";
import { packRows } from "../../src/server/domain/log-rows-builder.ts";
import { openStore } from "../../src/server/storage/open-store.ts";

/** Writes rows and log rows to the data directory in argv until it is killed, and says what was acknowledged. */
const store = await openStore({ dataDir: process.argv[2] ?? "", clock: systemClock });

async function writeRows(lane: number): Promise<void> {
  for (let i = 0; ; i++) {
    await store.write((tx) => tx.meta.putIfAbsent(`${lane}-${i}`, "v"));
    process.stdout.write(`row ${lane}-${i}\n`);
  }
}

async function writeLog(taskId: number): Promise<void> {
  for (let length = 0; ; ) {
    const rows = [0, 1, 2].map((i) => ({ time: length + i, content: `row ${length + i}` }));
    length = await store.logs.append(taskId, length, packRows(rows));
    process.stdout.write(`log ${taskId} ${length}\n`);
  }
}

await Promise.all([...[0, 1, 2, 3].map(writeRows), ...[101, 102].map(writeLog)]);
