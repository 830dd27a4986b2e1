import { expect, test } from "vitest";
import { runnerStatus } from "../../../../src/server/domain/runner-status.ts";

const NOW = 1_000_000;
const fresh = { lastOnline: NOW, lastActive: null, health: null };

test.each([
  ["never called", { ...fresh, lastOnline: null }, "offline"],
  ["silent for exactly a minute", { ...fresh, lastOnline: NOW - 60_000 }, "idle"],
  ["silent for longer", { ...fresh, lastOnline: NOW - 60_001 }, "offline"],
  ["clock ahead", { ...fresh, lastOnline: NOW + 500_000, lastActive: NOW + 500_000 }, "active"],
  ["online, never worked", fresh, "idle"],
  ["reported now", { ...fresh, lastActive: NOW }, "active"],
  ["reported exactly 10 s ago", { ...fresh, lastActive: NOW - 10_000 }, "active"],
  ["reported longer ago", { ...fresh, lastActive: NOW - 10_001 }, "idle"],
  ["active but offline", { ...fresh, lastOnline: NOW - 70_000, lastActive: NOW }, "offline"],
  ["unhealthy", { ...fresh, health: "disk full" }, "error"],
  ["unhealthy with an empty reason", { ...fresh, health: "" }, "error"],
  ["unhealthy and active", { ...fresh, health: "disk full", lastActive: NOW }, "error"],
  ["unhealthy and offline", { ...fresh, health: "disk full", lastOnline: null }, "offline"],
] as const)("%s", (_name, runner, status) => {
  expect(runnerStatus(runner, { now: NOW, offlineAfterMs: 60_000 })).toBe(status);
});

test("the limit is a parameter", () => {
  const runner = { ...fresh, lastOnline: NOW - 5 };
  expect(runnerStatus(runner, { now: NOW, offlineAfterMs: 4 })).toBe("offline");
  expect(runnerStatus(runner, { now: NOW, offlineAfterMs: 5 })).toBe("idle");
});
