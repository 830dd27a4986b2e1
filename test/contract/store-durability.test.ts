import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { openStore } from "../../src/server/storage/open-store.ts";
import { storeKinds } from "../support/stores.ts";

const CHILD = fileURLToPath(new URL("./store-durability-child.ts", import.meta.url));

/** Lets a process write until so many acknowledgements for log rows were seen, and kills it without warning. */
async function writeAndKill(dataDir: string, enough: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  const seen: string[] = [];
  let logs = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    seen.push(line);
    if (line.startsWith("log") && ++logs === enough) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return seen;
}

test("everything acknowledged before kill -9 is there, and the data directory can be opened at once", async () => {
  const sqlite = storeKinds.find((kind) => kind.name === "sqlite");
  if (sqlite === undefined) throw new Error("there is no embedded store");
  for (const enough of [1, 20, 500]) {
    await using place = await sqlite.create();
    const seen = await writeAndKill(place.options.dataDir, enough);
    await using store = await openStore({ ...place.options, clock: systemClock });
    const lengths = new Map<number, number>();
    for (const line of seen) {
      const [kind, key, length] = line.split(" ");
      if (kind === "row") expect(await store.read.meta.get(key ?? "")).toBe("v");
      else lengths.set(Number(key), Number(length));
    }
    expect(lengths.size).toBeGreaterThan(0);
    for (const [taskId, length] of lengths) {
      expect((await store.logs.state(taskId)).rows).toBeGreaterThanOrEqual(length);
      const rows = await store.logs.read(taskId, 0, length);
      expect(rows.map((row) => row.content)).toEqual(Array.from({ length }, (_, i) => `row ${i}`));
    }
  }
});
