import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { listenForStop } from "../../../src/cli/stop-signals.ts";

test("the first signal stops, its echo does nothing, the second kills", () => {
  const source = new EventEmitter();
  let now = 1_000;
  {
    using signals = listenForStop(source, { now: () => now });
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGINT", "SIGINT");
    expect([signals.stop.aborted, signals.kill.aborted]).toEqual([true, false]);
    now += 500;
    source.emit("SIGTERM", "SIGTERM");
    expect(signals.kill.aborted).toBe(true);
  }
  expect(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM")).toBe(0);
});
