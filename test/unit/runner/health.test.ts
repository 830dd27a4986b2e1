import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { Health } from "../../../src/runner/health.ts";
import { serveHealth } from "../../../src/runner/health-server.ts";

describe("Health", () => {
  it("is ready while polls are answered, and for a while after", () => {
    let now = 0;
    const health = new Health({ ...systemClock, now: () => now }, 30_000);
    expect(health.problem()).toBeUndefined();
    now = 31_000;
    expect(health.problem()).toContain("31 s");
    health.polled(true);
    expect(health.problem()).toBeUndefined();
    health.polled(false);
    now = 60_000;
    health.polled(false);
    expect(health.problem()).toBeUndefined();
    now = 62_000;
    expect(health.problem()).toContain("31 s");
    health.polled(true);
    health.unregistered();
    expect(health.problem()).toContain("no longer knows");
  });

  it("is served", async () => {
    const health = new Health(systemClock, 30_000);
    await using server = await serveHealth("127.0.0.1:0", health);
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).status;
    expect([await status("/healthz"), await status("/readyz"), await status("/other")]).toEqual([200, 200, 404]);
    health.unregistered();
    expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 503]);
    await expect(serveHealth(`127.0.0.1:${server.port}`, health)).rejects.toMatchObject({ code: "unavailable" });
  });
});
