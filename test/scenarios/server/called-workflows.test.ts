import { realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { gitRepository } from "../../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { scriptedRunner } from "../../support/scripted-runner.ts";
import { serverWithRunner } from "../../support/server-with-runner.ts";
import { testServer } from "../../support/test-server.ts";

const MAIN = `name: Main
on:
  push:
  workflow_dispatch:
    inputs:
      stage: { type: string, default: dev }
env:
  FROM_CALLER: leaked
jobs:
  plan:
    runs-on: linux
    outputs:
      version: \${{ steps.v.outputs.version }}
    steps:
      - id: v
        run: echo version=1.2 >> "$GITHUB_OUTPUT"
  deploy:
    needs: plan
    name: Deploy
    strategy:
      matrix:
        zone: [a, b]
    uses: ./.gitea/workflows/deploy.yml
    with:
      version: \${{ needs.plan.outputs.version }}
      zone: \${{ matrix.zone }}
      dry: true
      count: 3
    secrets:
      token: \${{ secrets.DEPLOY }}-\${{ matrix.zone }}
  after:
    needs: deploy
    runs-on: linux
    steps:
      - run: echo "result=\${{ needs.deploy.result }} url=\${{ needs.deploy.outputs.url }}"
`;
const DEPLOY = `name: Called
on:
  workflow_call:
    inputs:
      version: { type: string, required: true }
      zone: { type: string, required: true }
      dry: { type: boolean }
      count: { type: number }
      mode: { type: string, default: "mode of \${{ github.event_name }}" }
    secrets:
      token: { required: true }
    outputs:
      url:
        value: https://\${{ jobs.roll.outputs.host }}/\${{ inputs.version }}
env:
  OWN: own
jobs:
  roll:
    runs-on: linux
    outputs:
      host: \${{ inputs.zone }}.example
    steps:
      - run: |
          echo "inputs=\${{ toJSON(inputs.dry) }},\${{ inputs.count == 3 }},\${{ inputs.version }},\${{ inputs.mode }}"
          echo "event=\${{ github.event_name }} stage=\${{ github.event.inputs.stage }} workflow=\${{ github.workflow }} job=\${{ github.job }}"
          echo "env=[$FROM_CALLER][$OWN]"
          [ "$TOKEN" = "s3cret-\${{ inputs.zone }}" ] && echo "secret came"
          [ -z "$OTHER" ] && echo "the other did not"
        env:
          TOKEN: \${{ secrets.token }}
          OTHER: \${{ secrets.OTHER }}
  check:
    needs: roll
    if: inputs.dry
    uses: ./.gitea/workflows/check.yml
    secrets: inherit
`;
const CHECK = `on: workflow_call
jobs:
  look:
    runs-on: linux
    steps:
      - run: |
          [ -n "$TOKEN" ] && [ -z "$OTHER" ] && echo "only what was handed on is inherited"
        env:
          TOKEN: \${{ secrets.token }}
          OTHER: \${{ secrets.OTHER }}
`;

const kinds = [
  { name: "sqlite", skip: undefined, url: async () => undefined },
  { name: "mariadb", skip: mariadbMissing, url: async () => await (await sharedMariadb()).createDatabase() },
] as const;

for (const kind of kinds) {
  if (kind.skip !== undefined) console.warn(`called workflows on ${kind.name} are skipped: ${kind.skip}`);
  describe.skipIf(kind.skip !== undefined)(`called workflows on ${kind.name}`, () => {
    const given = async (files: Readonly<Record<string, string>>) => {
      const databaseUrl = await kind.url();
      const repoRoot = await realpath(tmpdir());
      return await serverWithRunner({ files, server: { repoRoot, ...(databaseUrl && { databaseUrl }) } });
    };

    it("run as jobs of their own, with inputs, secrets, outputs and a matrix", async () => {
      await using world = await given({
        ".gitea/workflows/main.yml": MAIN,
        ".gitea/workflows/deploy.yml": DEPLOY,
        ".gitea/workflows/check.yml": CHECK,
      });
      const secrets = "/repos/olga/app/actions/secrets";
      await world.server.admin.put(`${secrets}/DEPLOY`, { data: "s3cret" });
      await world.server.admin.put(`${secrets}/OTHER`, { data: "other" });
      const run = await world.run("main.yml", { inputs: { stage: "prod" } });
      expect(run.jobs.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
        "plan: success",
        "Deploy (a): success",
        "Deploy (b): success",
        "after: success",
        "Deploy (a) / roll: success",
        "Deploy (a) / check: success",
        "Deploy (b) / roll: success",
        "Deploy (b) / check: success",
        "Deploy (a) / check / look: success",
        "Deploy (b) / check / look: success",
      ]);
      expect(run.conclusion).toBe("success");
      const lines = run.log.split("\n").map((line) => line.replace(/^\S+ /, ""));
      const count = (text: string) => lines.filter((line) => line === text).length;
      expect(count("inputs=true,true,1.2,mode of workflow_dispatch")).toBe(2);
      expect(count("event=workflow_dispatch stage=prod workflow=Main job=roll")).toBe(2);
      expect(count("env=[][own]")).toBe(2);
      expect(count("secret came")).toBe(2);
      expect(count("the other did not")).toBe(2);
      expect(count("only what was handed on is inherited")).toBe(2);
      expect(count("result=success url=https://b.example/1.2")).toBe(1);
      const { jobs } = (await world.server.admin.get(`/repos/olga/app/actions/runs/${run.id}/jobs`)).json;
      const keys = jobs.map((job: { key: string }) => job.key);
      expect(keys).toContain("deploy.0/check/look");
      expect(new Set(keys.filter((key: string) => key.includes("/"))).size).toBe(6);
    });

    it("have their inputs in the event, for runners that read them from there, and the secrets that they may have", async () => {
      await using stack = new AsyncDisposableStack();
      const origin = stack.use(
        await gitRepository({
          ".gitea/workflows/main.yml": `name: Main\non: push\njobs:\n  go:\n    uses: ./.gitea/workflows/c.yml\n    with: { dry: true, n: 3 }\n    secrets: { own: "\${{ secrets.GITHUB_TOKEN }}" }\n`,
          ".gitea/workflows/c.yml": `name: Called\non:\n  workflow_call:\n    inputs: { dry: { type: boolean }, n: { type: number }, text: { type: string, default: d } }\n    secrets: { own: {} }\njobs:\n  inner:\n    runs-on: linux\n    steps: [{ run: echo }]\n`,
        }),
      );
      const databaseUrl = await kind.url();
      const server = stack.use(await testServer({ repoRoot: origin.root, ...(databaseUrl && { databaseUrl }) }));
      await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
      await server.admin.put("/repos/olga/app/actions/secrets/OTHER", { data: "other" });
      const { token } = (await server.admin.get("/admin/actions/runners/registration-token")).json;
      const runner = await scriptedRunner(server.url, token);
      expect((await server.admin.post("/runs", { repository: "olga/app", workflow: "main.yml" })).status).toBe(201);
      const task = await runner.fetch(20_000);
      if (task === undefined) throw new Error("there was no task");
      expect(task.context).toMatchObject({
        ...{ event_name: "workflow_call", caller_event_name: "push", job: "inner", workflow: "Main" },
        event: { inputs: { dry: "true", n: 3, text: "d" } },
      });
      const { jobs, ...root } = parse(new TextDecoder().decode(task.workflowPayload));
      expect(root).toMatchObject({ name: "Main", on: { workflow_call: { inputs: { n: { type: "number" } } } } });
      expect(jobs).toMatchObject({ inner: { name: "go / inner", "runs-on": ["linux"] } });
      const { GITHUB_TOKEN, GITEA_TOKEN, FORGEJO_TOKEN, ...own } = task.secrets;
      expect([GITEA_TOKEN, FORGEJO_TOKEN, own]).toEqual([GITHUB_TOKEN, GITHUB_TOKEN, { OWN: GITHUB_TOKEN }]);
      await runner.play(task);
    });

    it("come from other repositories of the server at a ref, and call their neighbours there", async () => {
      await using library = await gitRepository({
        ".gitea/workflows/outer.yml": `on: workflow_call\njobs:\n  deep: { uses: ./.gitea/workflows/inner.yml }\n`,
        ".gitea/workflows/inner.yml": `on: workflow_call\njobs:\n  inner:\n    runs-on: linux\n    steps: [{ run: echo of version one }]\n`,
      });
      await library.git("tag", "v1");
      await library.commit({
        ".gitea/workflows/inner.yml":
          "on: workflow_call\njobs:\n  inner:\n    runs-on: linux\n    steps: [{ run: echo two }]\n",
      });
      await using world = await given({
        ".gitea/workflows/main.yml": `on: push\njobs:\n  go: { uses: olga/library/.gitea/workflows/outer.yml@v1 }\n`,
        ".gitea/workflows/foreign.yml": `on: push\njobs:\n  go: { uses: eve/hidden/.gitea/workflows/outer.yml@v1 }\n`,
      });
      const { admin } = world.server;
      const missing = await admin.post("/runs", { repository: "olga/app", workflow: "main.yml" });
      expect([missing.status, missing.json.message]).toEqual([
        422,
        expect.stringContaining("there is no repository olga/library on this server"),
      ]);
      expect((await admin.post("/admin/users/olga/repos", { name: "library", clone_url: library.path })).status).toBe(
        201,
      );
      const run = await world.run("main.yml");
      expect(run.jobs.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
        "go: success",
        "go / deep: success",
        "go / deep / inner: success",
      ]);
      expect(run.log).toContain("of version one");
      await admin.post("/admin/users/eve/repos", { name: "hidden", clone_url: library.path });
      const foreign = await admin.post("/runs", { repository: "olga/app", workflow: "foreign.yml" });
      expect(foreign.json.message).toContain("there is no repository eve/hidden on this server");
    });
  });
}
