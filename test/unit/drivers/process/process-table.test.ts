import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  descendants,
  listProcesses,
  type ProcessInfo,
  withMarker,
} from "../../../../src/drivers/process/process-table.ts";

function info(pid: number, parentPid: number): ProcessInfo {
  return { pid, parentPid, group: pid, startTime: "1" };
}

describe("descendants", () => {
  it("finds children and their children, once, also in a table that is not consistent", () => {
    const table = [info(2, 1), info(3, 2), info(4, 3), info(5, 9), info(6, 2), info(1, 4)];
    expect(descendants(table, 2).map(({ pid }) => pid)).toEqual([3, 6, 4, 1, 2]);
    expect(descendants(table, 77)).toEqual([]);
  });
});

describe("listProcesses, withMarker", () => {
  it("sees a process, its parent, and its marker", async () => {
    const child = spawn("sleep", ["100"], { env: { PATH: process.env["PATH"], MARK: "a=b", OTHER: "MARK=no" } });
    try {
      const all = await listProcesses();
      const found = all.find(({ pid }) => pid === child.pid);
      expect(found).toMatchObject({ parentPid: process.pid });
      const marked = await withMarker(all, { name: "MARK", accepts: (value) => value === "a=b" });
      expect(marked).toEqual([found]);
      expect(await withMarker(all, { name: "MARK", accepts: (value) => value === "no" })).toEqual([]);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
});
