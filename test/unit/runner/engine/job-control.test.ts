import { describe, expect, it } from "vitest";
import type { Clock } from "../../../../src/lib/clock.ts";
import { JobControl } from "../../../../src/runner/engine/job-control.ts";

/** A clock whose timers are fired by hand. */
function handClock() {
  const timers = new Map<number, { at: number; callback: () => void }>();
  let now = 0;
  let id = 0;
  const clock: Clock = {
    now: () => now,
    sleep: () => Promise.reject(new Error("not used")),
    timer: (ms, callback) => {
      const mine = ++id;
      timers.set(mine, { at: now + ms, callback });
      return { [Symbol.dispose]: () => void timers.delete(mine) };
    },
  };
  const advance = (ms: number) => {
    now += ms;
    for (const [key, timer] of timers) if (timer.at <= now && timers.delete(key)) timer.callback();
  };
  return { clock, advance, timers };
}

describe("JobControl", () => {
  it.each([
    ["cancelled", 60_000],
    ["timeout", 60_000],
    ["shutdown", 30_000],
  ] as const)("%s: stopping at once, killing after %s ms", (reason, graceMs) => {
    const { clock, advance } = handClock();
    const outside = new AbortController();
    using control = new JobControl(clock, { signal: outside.signal, graceMs: 60_000 });
    expect(control.reason).toBeUndefined();
    outside.abort(reason);
    expect([control.reason, control.stopping.aborted, control.killing.aborted]).toEqual([reason, true, false]);
    advance(graceMs - 1);
    expect(control.killing.aborted).toBe(false);
    advance(1);
    expect(control.killing.aborted).toBe(true);
  });

  it("the first reason stays", () => {
    const { clock, advance } = handClock();
    using control = new JobControl(clock, { signal: new AbortController().signal, graceMs: 1_000 });
    control.limit(500);
    advance(500);
    control.stop("cancelled");
    expect(control.reason).toBe("timeout");
  });

  it("a signal that has aborted already counts, an unknown reason is a cancel", () => {
    const { clock } = handClock();
    using control = new JobControl(clock, { signal: AbortSignal.abort(new Error("x")), graceMs: 1_000 });
    expect(control.reason).toBe("cancelled");
  });

  it("leaves no timer", () => {
    const { clock, timers } = handClock();
    const outside = new AbortController();
    {
      using control = new JobControl(clock, { signal: outside.signal, graceMs: 1_000 });
      control.limit(500);
      control.stop("cancelled");
    }
    expect(timers.size).toBe(0);
  });
});
