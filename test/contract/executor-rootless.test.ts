import { describe, expect, it } from "vitest";
import { rootlessHome, rootlessMissing, runTestsRootless } from "../support/rootless.ts";

const missing = await rootlessMissing();
if (missing !== undefined) console.warn(`rootless Podman is not tested: ${missing}`);

describe.skipIf(missing !== undefined)("executor podman without root", { timeout: 600_000 }, () => {
  it("passes the whole contract as an unprivileged user, and none of its processes is root's", async () => {
    await using home = await rootlessHome();
    const { code, tests } = await runTestsRootless("test/contract/executor-podman.test.ts", home.path);
    expect(tests.filter(({ status }) => status !== "passed")).toEqual([]);
    const titles = tests.map(({ title }) => title);
    expect(titles).toContain("no process of a job belongs to root");
    expect([code, titles.length > 50]).toEqual([0, true]);
  });
});
