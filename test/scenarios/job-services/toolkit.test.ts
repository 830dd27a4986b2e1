import { describe, expect, it } from "vitest";
import { type ServerWithRunner, serverWithRunner } from "../../support/server-with-runner.ts";
import { toolkitFiles, toolkitStep, toolkitWorkflow } from "./toolkit-workflow.ts";

const WORKFLOW = ".gitea/workflows/ci.yml";

async function world(jobs: Readonly<Record<string, string>>): Promise<ServerWithRunner> {
  return await serverWithRunner({ files: { ...toolkitFiles, [WORKFLOW]: toolkitWorkflow(jobs) } });
}

/** What the scripts printed after a word. */
function said(log: string, word: string): string[] {
  return [...log.matchAll(new RegExp(`^\\S+ ${word} (.*)$`, "gm"))].map(([, text]) => text as string);
}

describe("the real packages in jobs on the host, against our server", { timeout: 120_000 }, () => {
  it("@actions/artifact uploads in blocks, lists, deletes, and downloads in a later job", async () => {
    await using given = await world({
      make: toolkitStep("artifact.mjs upload"),
      take: toolkitStep("artifact.mjs download"),
    });
    const { conclusion, log, id } = await given.run("ci.yml");
    expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
    expect(said(log, "made")).toEqual(['{"id":"number","size":true,"digest":64}']);
    expect(said(log, "again")[0]).toContain("an artifact with this name already exists on the workflow run");
    expect(said(log, "list")).toEqual(["site"]);
    expect(said(log, "read")).toEqual(["artifact of make mismatch false"]);
    expect(new Set(said(log, "sum")).size).toBe(1);
    expect(said(log, "missing")).toEqual(["ArtifactNotFoundError"]);
    const { admin } = given.server;
    const { artifacts, total_count } = (await admin.get(`/repos/olga/app/actions/runs/${id}/artifacts`)).json;
    expect([total_count, artifacts[0].name, artifacts[0].expired]).toEqual([1, "site", false]);
    const days = (Date.parse(artifacts[0].expires_at) - Date.parse(artifacts[0].created_at)) / 86_400_000;
    expect(days).toBeCloseTo(5, 1);
  });

  it.each([
    ["protocol 2", true],
    ["protocol 1", false],
  ])("@actions/cache saves and restores by %s", async (_name, github) => {
    const step = (script: string) => toolkitStep(script, { github });
    await using given = await world({
      save:
        step("cache.mjs restore linux-abc linux-") +
        step("cache.mjs save linux-abc") +
        step("cache.mjs save linux-abc"),
      restore:
        step("cache.mjs restore linux-abc") +
        step("cache.mjs restore linux-new linux-") +
        step("cache.mjs restore mac"),
    });
    const { conclusion, log } = await given.run("ci.yml");
    expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
    expect(said(log, "restore")).toEqual([
      "undefined",
      "linux-abc: saved under linux-abc",
      "linux-abc: saved under linux-abc",
      "undefined",
    ]);
    expect(said(log, "save")).toEqual(["done", "refused"]);
    const { actions_caches } = (await given.server.admin.get("/repos/olga/app/actions/caches")).json;
    expect(actions_caches).toMatchObject([{ key: "linux-abc", ref: "refs/heads/main" }]);
  });

  it("step summaries of @actions/core reach the server", async () => {
    await using given = await world({ one: toolkitStep("summary.mjs") });
    const { conclusion, jobs, log } = await given.run("ci.yml");
    expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
    const answer = await given.server.admin.get(`/repos/olga/app/actions/jobs/${jobs[0]?.id}/summary`);
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining("<h1>Coverage</h1>")]);
  });
});
