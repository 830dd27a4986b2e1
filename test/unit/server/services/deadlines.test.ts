import { expect, it } from "vitest";
import { Deadlines } from "../../../../src/server/services/deadlines.ts";
import { FakeClock } from "./fake-clock.ts";

it("one timer calls all back that have the same time, but those that were let go", () => {
  const clock = new FakeClock();
  let timers = 0;
  const deadlines = new Deadlines({
    now: () => clock.now(),
    sleep: (ms, options) => clock.sleep(ms, options),
    timer: (ms, callback) => {
      timers++;
      return clock.timer(ms, callback);
    },
  });
  const called: string[] = [];
  const soon = clock.now() + 100;
  deadlines.at(soon, () => called.push("first"));
  const gone = deadlines.at(soon, () => called.push("let go"));
  deadlines.at(soon, () => called.push("third"));
  const alone = deadlines.at(soon + 1, () => called.push("let go alone"));
  expect(timers).toBe(2);
  gone[Symbol.dispose]();
  alone[Symbol.dispose]();
  clock.advance(99);
  expect(called).toEqual([]);
  clock.advance(10);
  expect(called).toEqual(["first", "third"]);
  deadlines.at(soon, () => called.push("late"));
  expect(timers).toBe(3);
  clock.advance(0);
  expect(called).toEqual(["first", "third", "late"]);
});
