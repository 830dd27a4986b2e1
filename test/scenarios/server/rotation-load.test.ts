import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { rotatingFleet } from "../../support/rotating-fleet.ts";
import { testServer } from "../../support/test-server.ts";

const RUNNERS = 16;
const LEGS = 24;
const ROUNDS = 2;

const WORKFLOW = `on: workflow_dispatch
jobs:
  leg:
    strategy: { matrix: { n: [${Array.from({ length: LEGS }, (_, n) => n).join(", ")}] } }
    runs-on: linux
    steps: [{ run: echo }]
`;

it("rotating the tokens of all runners again and again, while they work, drops no job", {
  timeout: 90_000,
}, async () => {
  await using origin = await gitRepository({ ".gitea/workflows/wide.yml": WORKFLOW });
  await using server = await testServer({ repoRoot: origin.root });
  const { admin } = server;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const { token } = (await admin.post("/admin/actions/runners/registration-token")).json;
  await using fleet = await rotatingFleet(server.url, token, RUNNERS);
  const runs: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    runs.push((await admin.post("/runs", { repository: "olga/app", workflow: "wide.yml" })).json.id);
    const answers = await Promise.all(fleet.ids.map((id) => admin.post(`/admin/actions/runners/${id}/rotate-token`)));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.delivery}`))).toEqual(new Set(["200 server"]));
    await eventually("all to have new tokens", () => fleet.renewed === round * RUNNERS, 30_000);
    await eventually("all to have confirmed them", async () => {
      const shown = (await admin.get("/admin/actions/runners?limit=50")).json.runners;
      return shown.every((runner: { old_token_expires_at: string | null }) => runner.old_token_expires_at === null);
    });
  }
  for (const id of runs) {
    const run = async () => (await admin.get(`/repos/olga/app/actions/runs/${id}`)).json;
    const ended = await eventually(
      "the run to end",
      async () => ((await run()).status === "completed" ? run() : undefined),
      30_000,
    );
    expect(ended.conclusion).toBe("success");
  }
  expect(fleet.failures).toEqual([]);
  expect(fleet.ended).toBe(0);
  expect(fleet.played.size).toBe(ROUNDS * LEGS);
  expect(Math.max(...fleet.played.values())).toBe(1);
});
