import { once } from "node:events";
import { getPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";

const FILE = new URL("../../../src/lib/yield-processor.ts", import.meta.url);

it("a thread steps back, and the others of its process do not", async () => {
  const before = getPriority();
  const program = `
    import("${FILE.href}").then(({ yieldProcessor }) => {
      yieldProcessor();
      require("node:worker_threads").parentPort.postMessage(require("node:os").getPriority());
    });`;
  const worker = new Worker(program, { eval: true });
  const [inside] = await once(worker, "message");
  await worker.terminate();
  expect(inside).toBe(process.platform === "linux" ? Math.min(before + 10, 19) : before);
  expect(getPriority()).toBe(before);
});
