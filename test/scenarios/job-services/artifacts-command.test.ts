import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serverWithRunner } from "../../support/server-with-runner.ts";
import { CliPlace } from "../cli/cli-process.ts";
import { toolkitFiles, toolkitStep, toolkitWorkflow } from "./toolkit-workflow.ts";

const WORKFLOW = ".gitea/workflows/ci.yml";

describe("artifacts for people", { timeout: 120_000 }, () => {
  it("the command lists, downloads and deletes those of a run", async () => {
    const workflow = toolkitWorkflow({ make: toolkitStep("artifact.mjs upload") });
    await using given = await serverWithRunner({ files: { ...toolkitFiles, [WORKFLOW]: workflow } });
    await using place = await CliPlace.make();
    const { id } = await given.run("ci.yml");
    const env = { ACT_RUNNER_SERVER: given.server.url, ACT_RUNNER_API_TOKEN: given.server.adminToken };
    const cli = (...args: string[]) => place.run(["artifacts", ...args], { env });
    expect((await cli("list", String(id))).out).toMatch(/^ID +NAME +SIZE +EXPIRES\n1 +site +20\.0 MiB +\d{4}-/);
    const loaded = await cli("download", String(id), "site", "--json");
    expect([loaded.err, loaded.code]).toEqual(["", 0]);
    expect(JSON.parse(loaded.out)).toMatchObject({ name: "site", path: expect.stringMatching(/\/site\.zip$/) });
    const wrong = await cli("download", String(id), "sight");
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("has no artifact 'sight'; it has: site")]);
    expect((await cli("delete", String(id), "site")).code).toBe(0);
    expect((await cli("download", String(id))).err).toContain("it has none");
  });

  it("exec keeps them where it is told to", async () => {
    await using place = await CliPlace.make();
    const workflow = toolkitWorkflow({
      make: toolkitStep("artifact.mjs upload") + toolkitStep("cache.mjs save key"),
      take: toolkitStep("artifact.mjs download") + toolkitStep("cache.mjs restore key"),
    });
    await mkdir(join(place.directory, ".gitea/workflows"), { recursive: true });
    for (const [name, text] of Object.entries({ ...toolkitFiles, [WORKFLOW]: workflow })) {
      await writeFile(join(place.directory, name), text);
    }
    place.git("init", "--quiet");
    place.git("add", "--all");
    place.git("-c", "user.name=t", "-c", "user.email=t@example", "commit", "--quiet", "-m", "first");
    const { code, out, err } = await place.run(["exec", "--artifact-server-path", "kept"]);
    expect([code, code === 0 ? "" : out + err]).toEqual([0, ""]);
    expect(out).toContain("restore key: saved under key");
    expect(err).toContain("Artifact: kept/site.zip");
  });
});
