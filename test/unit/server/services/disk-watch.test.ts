import { expect, it } from "vitest";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { DiskWatch } from "../../../../src/server/services/disk-watch.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "./fake-clock.ts";

const MIB = 1024 * 1024;

it("offers are held back below the mark and go on a tenth above it; an unreadable disk changes nothing", async () => {
  const clock = new FakeClock();
  const held: boolean[] = [];
  const free = [200, 99, 105, -1, 111, 99];
  let looks = 0;
  const freeBytes = async () => {
    const mib = free[looks++] ?? 99;
    if (mib < 0) throw new Error("no such device");
    return mib * MIB;
  };
  await using watch = new DiskWatch({
    ...{ clock, log: silentLogger, freeBytes, mark: 100 * MIB },
    hold: (low) => held.push(low),
  });
  await watch.start();
  expect(watch.remark).toBeNull();
  const expected = [true, true, true, false, true];
  for (const [i, low] of expected.entries()) {
    await eventually("the next look", () => {
      if (looks < i + 2) clock.advance(5_000);
      return looks === i + 2;
    });
    await eventually("the remark", () => (watch.remark !== null) === low);
  }
  expect(held).toEqual([true, false, true]);
  expect(watch.remark).toBe("no work is offered: 99 MiB of disk are free, 100 are needed; free some space");
});
