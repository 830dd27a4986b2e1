import { REQUEUE_WORDS } from "../../src/workflow/model.ts";
import type { StepScript } from "./executions.ts";
import type { Random } from "./random.ts";

/** A workflow by chance: some jobs, some of which need others. */
export function randomWorkflow(random: Random): string {
  const count = random.whole(1, 3);
  const jobs: string[] = [];
  for (let index = 0; index < count; index++) jobs.push(...randomJob(random, index));
  return ["on: push", "jobs:", ...jobs, ""].join("\n");
}

function randomJob(random: Random, index: number): string[] {
  const needs = Array.from({ length: index }, (_, other) => other).filter(() => random.chance(0.35));
  const steps = Array.from({ length: random.whole(1, 2) }, () => randomStep(random));
  return [
    `  j${index}:`,
    `    runs-on: ${random.chance(0.8) ? "linux" : "special"}`,
    ...(needs.length > 0 ? [`    needs: [${needs.map((other) => `j${other}`).join(", ")}]`] : []),
    ...(random.chance(0.15) ? ["    if: always()"] : []),
    ...(random.chance(0.1) ? ["    continue-on-error: true"] : []),
    ...(random.chance(0.2) ? [`    requeue: ${random.of(REQUEUE_WORDS)}`] : []),
    ...(random.chance(0.15) ? ["    strategy:", "      matrix:", "        leg: [1, 2]"] : []),
    "    outputs:",
    `      execution: \${{ steps.s0.outputs.execution }}`,
    "    steps:",
    ...steps.flatMap((script, nth) => [
      `      - id: s${nth}`,
      "        run: work",
      "        env:",
      `          SIM: '${JSON.stringify(script)}'`,
    ]),
  ];
}

function randomStep(random: Random): StepScript {
  const lines = random.chance(0.1) ? random.whole(100, 400) : random.whole(0, 12);
  const delayMs = random.of([0, random.whole(10, 3_000), random.whole(1_000, 60_000), random.whole(1_000, 200_000)]);
  return { lines, delayMs, code: random.chance(0.1) ? 1 : 0 };
}
