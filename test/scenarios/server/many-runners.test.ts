import { describe, expect, it } from "vitest";
import { Result } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { scriptedRunner } from "../../support/scripted-runner.ts";
import { testServer } from "../../support/test-server.ts";

const LEGS = 24;
const RUNNERS = 6;
const PARALLEL = 3;

const WORKFLOW = `on: push
jobs:
  list:
    runs-on: linux
    outputs: { legs: "\${{ steps.x.outputs.legs }}" }
    steps: [{ id: x, run: echo }]
  leg:
    needs: list
    strategy:
      max-parallel: ${PARALLEL}
      matrix: { n: "\${{ fromJSON(needs.list.outputs.legs) }}" }
    runs-on: linux
    steps: [{ run: echo }]
  done:
    needs: leg
    runs-on: linux
    steps: [{ run: echo }]
`;

for (const kind of ["sqlite", "mariadb"] as const) {
  const skip = kind === "mariadb" ? mariadbMissing : undefined;
  if (skip !== undefined) console.warn(`many-runners on ${kind} is skipped: ${skip}`);
  describe.skipIf(skip !== undefined)(`many runners on ${kind}`, () => {
    it("play the legs of a matrix that was made while the run ran, each once, and never too many at a time", async () => {
      await using origin = await gitRepository({ ".gitea/workflows/wide.yml": WORKFLOW });
      const databaseUrl = kind === "mariadb" ? await (await sharedMariadb()).createDatabase() : undefined;
      await using server = await testServer({
        repoRoot: origin.root,
        ...(databaseUrl === undefined ? {} : { databaseUrl }),
      });
      const { admin } = server;
      await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
      const { token } = (await admin.get("/admin/actions/runners/registration-token")).json;
      const made = (await admin.post("/runs", { repository: "olga/app", workflow: "wide.yml" })).json;
      const legs = JSON.stringify(Array.from({ length: LEGS }, (_, index) => index));
      let running = 0;
      let most = 0;
      const seen: string[] = [];
      const stop = new AbortController();
      const workers = Array.from({ length: RUNNERS }, async (_, index) => {
        const runner = await scriptedRunner(server.url, token, { name: `runner ${index}` });
        while (!stop.signal.aborted) {
          const task = await runner.fetch(1_000);
          if (task === undefined) continue;
          most = Math.max(most, ++running);
          seen.push(String(task.id));
          const first = Object.keys(task.needs).length === 0;
          await runner.report(task, {});
          await runner.log(task, 0, ["done"], true);
          // Counted before the report, upon which the server may let the next leg go.
          running--;
          await runner.report(task, { result: Result.SUCCESS, ...(first ? { outputs: { legs } } : {}) });
        }
      });
      const run = async () => (await admin.get(`/repos/olga/app/actions/runs/${made.id}`)).json;
      await eventually("the run has ended", async () => (await run()).status === "completed", 60_000).finally(() =>
        stop.abort(),
      );
      await Promise.all(workers);
      expect(await run()).toMatchObject({ conclusion: "success" });
      const { jobs, total_count: total } = (await admin.get(`/repos/olga/app/actions/runs/${made.id}/jobs?limit=50`))
        .json;
      expect(total).toBe(LEGS + 2);
      expect(jobs.every((job: { conclusion: string }) => job.conclusion === "success")).toBe(true);
      expect([seen.length, new Set(seen).size]).toEqual([LEGS + 2, LEGS + 2]);
      expect(most).toBeLessThanOrEqual(PARALLEL);
    });
  });
}
