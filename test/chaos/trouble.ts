import { setTimeout as delay } from "node:timers/promises";
import type { ChaosOptions } from "./chaos-options.ts";
import type { ChaosWorld } from "./chaos-world.ts";

/** What was done to the world. */
export interface TroubleFigures {
  kills: number;
  /** Starts of a replica that failed, because the database was away. */
  failedStarts: number;
  databaseAwayMs: number;
}

/** Kills replicas and starts them again, one at a time, until the signal aborts; then all of them run. */
export async function killReplicas(
  world: ChaosWorld,
  options: ChaosOptions,
  given: { readonly random: () => number; readonly figures: TroubleFigures; readonly signal: AbortSignal },
): Promise<void> {
  const { random, figures, signal } = given;
  while (options.killEveryMs > 0 && !signal.aborted) {
    await delay(options.killEveryMs * (0.5 + random()), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const replica = world.replicas[Math.floor(random() * world.replicas.length)];
    await replica?.kill();
    figures.kills++;
    await delay(500 + random() * 4_000);
    while (replica !== undefined && replica.pid === undefined) {
      await replica.restart().catch(async () => {
        figures.failedStarts++;
        await delay(1_000);
      });
    }
  }
}

/** Stops the database once, when a quarter of the jobs are done. */
export async function stopDatabase(
  world: ChaosWorld,
  options: ChaosOptions,
  given: { readonly done: () => number; readonly figures: TroubleFigures; readonly signal: AbortSignal },
): Promise<void> {
  const { done, figures, signal } = given;
  if (options.databaseStopMs === 0) return;
  while (done() < options.jobs / 4) {
    if (signal.aborted) return;
    await delay(100);
  }
  const begin = performance.now();
  await world.database.stop();
  await delay(options.databaseStopMs, undefined, { signal }).catch(() => undefined);
  await world.database.start();
  figures.databaseAwayMs = Math.round(performance.now() - begin);
}
