import { describe, expect, it } from "vitest";
import { START } from "./scheduler.ts";
import { type SimulationResult, simulate } from "./simulate.ts";

/** So many courses of events are gone through; `SIMULATION_SEEDS=100` for a quick look, more for a long search. */
const SEEDS = Number(process.env["SIMULATION_SEEDS"] ?? 2_000);
const CHUNK = 50;
const TIMEOUT_MS = 300_000;
const REPLICAS = 3;

/** `SIMULATION_SEED=n npx vitest run test/simulation` replays one course of events and prints it. */
const only = process.env["SIMULATION_SEED"];

describe.runIf(only !== undefined)(`the simulation of seed ${only}`, () => {
  it("keeps its promises", { timeout: TIMEOUT_MS }, async () => {
    const result = await simulate(Number(only), { replicas: REPLICAS, verbose: true });
    console.info(result.trace.join("\n"));
    expect(result.breaches).toEqual([]);
  });
});

describe.skipIf(only !== undefined)("simulations of servers, runners and a store in which things go wrong", () => {
  const chunks = Array.from({ length: SEEDS / CHUNK }, (_, i) => ({ from: i * CHUNK + 1, to: (i + 1) * CHUNK }));

  const totals: Record<keyof SimulationResult["counts"], number> = {
    ...{ runs: 0, jobs: 0, tasks: 0, executions: 0, lost: 0, notAcknowledged: 0, cancelled: 0, endless: 0 },
    ...{ rotations: 0, additional: 0, offeredAgain: 0 },
  };

  it.each(chunks)("keep their promises for the seeds $from to $to", { timeout: TIMEOUT_MS }, async ({ from, to }) => {
    for (let seed = from; seed <= to; seed++) {
      const result = await simulate(seed, { replicas: REPLICAS });
      if (result.breaches.length > 0) throw new Error(failureText(seed, result));
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += result.counts[key];
    }
  });

  // Of all seeds together: some of it is too rare for each fifty of them.
  it("let happen what they are for", () => {
    expect(totals.runs).toBeGreaterThan(SEEDS / 2);
    expect(totals.tasks).toBeGreaterThan(totals.jobs * 0.8);
    // Less than this is a quick look.
    if (SEEDS >= 500) for (const [what, count] of Object.entries(totals)) expect(count, what).toBeGreaterThan(0);
  });

  it("go the same way each time for one seed, and another for another", { timeout: TIMEOUT_MS }, async () => {
    const digests = new Set<number>();
    for (const seed of [1, 2, 3, 4, 5]) {
      const first = await simulate(seed, { replicas: REPLICAS });
      const second = await simulate(seed, { replicas: REPLICAS });
      expect(second.digest).toBe(first.digest);
      expect(second.trace).toEqual(first.trace);
      digests.add(first.digest);
    }
    expect(digests.size).toBe(5);
  });

  it("take no time of the machine's clock", async () => {
    const { trace } = await simulate(1, { replicas: REPLICAS });
    expect(START).toBeGreaterThan(Date.now());
    expect(trace.length).toBeGreaterThan(10);
  });
});

function failureText(seed: number, { breaches, trace }: SimulationResult): string {
  return [
    `seed ${seed}: ${breaches.join("; ")}`,
    `replay: SIMULATION_SEED=${seed} npx vitest run test/simulation`,
    ...trace.slice(-80),
  ].join("\n");
}
