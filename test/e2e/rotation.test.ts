import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ServerProcess } from "../support/server-process.ts";
import { makeLocalRepository } from "./local-repository.ts";
import { RunnerProcess } from "./runner-process.ts";

const WORKFLOW = "on: workflow_dispatch\njobs:\n  one:\n    runs-on: rotate\n    steps: [{ run: echo }]\n";
const ACTIONS = "/repos/admin/project/actions";

describe("a runner that is killed while its token is rotated", { timeout: 120_000 }, () => {
  it("has a token that works, whenever it was killed, and so after a crash of the server", async ({ onTestFailed }) => {
    await using repository = await makeLocalRepository({ ".gitea/workflows/one.yml": WORKFLOW });
    await using server = await ServerProcess.start({ args: ["--repo-root", repository.root] });
    const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
    await using runner = await RunnerProcess.start(server.url, token, "rotate:host");
    onTestFailed(() => console.error(`server:\n${server.output}\nrunner:\n${runner.output}`));
    await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
    const shown = async () => (await server.get("GET", "/admin/actions/runners")).runners[0];
    const tokenOnDisk = async () => JSON.parse(await readFile(runner.file, "utf8")).token as string;
    const settled = () =>
      eventually("the runner to use its new token", async () => {
        const { old_token_expires_at: until, status } = await shown();
        return until === null && status === "online";
      });
    await settled();
    // Before the token comes, about when it is written (and the server with it), and when it was written.
    for (const moment of ["at once", 2, "on disk"] as const) {
      const old = await tokenOnDisk();
      const { delivery } = await server.get("POST", `/admin/actions/runners/${(await shown()).id}/rotate-token`);
      expect(delivery).toBe("server");
      if (typeof moment === "number") await delay(moment);
      if (moment === "on disk") await eventually("the new token", async () => (await tokenOnDisk()) !== old);
      await runner.crash();
      if (moment === 2) {
        await server.kill();
        await server.restart();
      }
      await eventually("the new token on disk", async () => (await tokenOnDisk()) !== old, 20_000);
      await settled();
    }
    const { id } = await server.get("POST", "/runs", { repository: "admin/project", workflow: "one.yml" });
    const ended = await eventually(
      "the run to end",
      async () => {
        const run = await server.get("GET", `${ACTIONS}/runs/${id}`);
        return run.status === "completed" ? run : undefined;
      },
      30_000,
    );
    expect(ended.conclusion).toBe("success");
  });
});
