import { expect, it } from "vitest";
import type { JobEvent } from "../../../../src/runner/engine/job-event.ts";
import { maskEvents } from "../../../../src/runner/engine/mask-events.ts";
import { Masker } from "../../../../src/runner/engine/masker.ts";

it("replaces secrets in everything that leaves a job", async () => {
  const seen: JobEvent[] = [];
  const emit = maskEvents(new Masker(), (event) => void seen.push(event));
  const secret = "hunter2";
  await emit({ type: "mask", value: secret });
  await emit({ type: "line", step: 0, text: `a ${secret}`, at: 1 });
  await emit({ type: "step-started", step: 0, name: `Run ${secret}`, at: 1 });
  await emit({ type: "summary", step: 0, markdown: `one\n${secret}\n` });
  await emit({
    type: "annotation",
    step: 0,
    annotation: { level: "error", message: secret, title: secret, file: secret },
  });
  await emit({ type: "job-finished", result: "success", at: 1 });
  expect(seen.map((event) => event.type)).toEqual(["line", "step-started", "summary", "annotation", "job-finished"]);
  expect(JSON.stringify(seen)).not.toContain(secret);
  expect(seen[2]).toEqual({ type: "summary", step: 0, markdown: "one\n***\n" });
});
