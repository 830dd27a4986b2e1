import { readFile, stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { testEngine } from "../support/engines.ts";
import { containerSubject } from "../support/executor-container-subject.ts";
import { prepare } from "../support/executor-given.ts";
import { processesWith, sh, uniqueSleep } from "../support/executor-subject.ts";
import { executorContract } from "./executor.contract.ts";

const found = await testEngine("podman");

if ("engine" in found) executorContract("podman", () => containerSubject(found.engine));
else describe("executor podman", () => it.skip(`skipped: ${found.missing}`));

// who is root sees it in executor-rootless.test.ts, which runs this file as another user
if (process.getuid?.() !== 0 && "engine" in found) {
  it("no process of a job belongs to root", async () => {
    await using subject = await containerSubject(found.engine);
    await using job = await prepare(subject);
    const sleep = uniqueSleep();
    const { stdout } = await sh(job, `id -u; sleep ${sleep} >/dev/null 2>&1 &`);
    expect(stdout).toEqual(["0"]);
    const pids = await processesWith(`sleep ${sleep}`);
    expect(pids).toHaveLength(1);
    const owners = await Promise.all(pids.map(async (pid) => (await stat(`/proc/${pid}`)).uid));
    const maps = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/uid_map`, "utf8")));
    expect(owners).toEqual([process.getuid?.()]);
    expect(maps.join("").trim().split(/\s+/).slice(0, 2)).toEqual(["0", String(process.getuid?.())]);
  });
}
