import { expect, test } from "vitest";
import { runnerStatus } from "../../../../src/server/domain/runner-status.ts";

const NOW = 1_000_000;
const fresh = { now: NOW, lastOnline: NOW, lastActive: null, health: null, deletedAt: null };

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
  ["deleted", { ...fresh, lastActive: NOW, deletedAt: 1 }, "deleted"],
  ["deleted at 0 and unhealthy", { ...fresh, health: "x", deletedAt: 0 }, "deleted"],
] as const)("%s", (_name, runner, status) => {
  expect(runnerStatus(runner)).toBe(status);
});

test("the limits can be set", () => {
  const runner = { ...fresh, lastOnline: NOW - 5, lastActive: NOW - 3 };
  expect(runnerStatus(runner, { offlineAfterMs: 4 })).toBe("offline");
  expect(runnerStatus(runner, { offlineAfterMs: 5, activeForMs: 2 })).toBe("idle");
  expect(runnerStatus(runner, { offlineAfterMs: 5, activeForMs: 3 })).toBe("active");
});
