import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { WakeUp } from "../../../src/lib/wake-up.ts";

describe("WakeUp", () => {
  const never = new AbortController().signal;

  it("remembers a call that came first, once", async () => {
    const wakeUp = new WakeUp();
    wakeUp.wake();
    wakeUp.wake();
    await wakeUp.wait({ signal: never });
    let resumed = false;
    const waiting = wakeUp.wait({ signal: never }).then(() => (resumed = true));
    await new Promise(setImmediate);
    expect(resumed).toBe(false);
    wakeUp.wake();
    await waiting;
    expect(resumed).toBe(true);
  });

  it("ends with the signal and after the time", async () => {
    const wakeUp = new WakeUp();
    const controller = new AbortController();
    const waiting = wakeUp.wait({ signal: controller.signal });
    controller.abort();
    await waiting;
    await wakeUp.wait({ signal: controller.signal });
    await wakeUp.wait({ within: { clock: systemClock, ms: 1 }, signal: never });
  });
});
