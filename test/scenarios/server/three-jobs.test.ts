import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { Result, type Task } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { type ScriptedRunner, scriptedRunner } from "../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../support/test-server.ts";

const WORKFLOW = `name: Pipeline
run-name: Pipeline of \${{ github.ref_name }} for \${{ inputs.who }}
on:
  push:
  workflow_dispatch:
    inputs:
      who: { type: string, required: true }
      level: { type: choice, options: [low, high], default: low }
      dry: { type: boolean, default: false }
jobs:
  build:
    strategy:
      matrix:
        os: [linux, darwin]
    runs-on: linux
    outputs:
      version: \${{ steps.v.outputs.version }}
    steps:
      - id: v
        run: echo hello
  deploy:
    needs: build
    runs-on: linux
    steps:
      - run: echo \${{ needs.build.outputs.version }}
  alarm:
    needs: [build, deploy]
    if: failure()
    runs-on: linux
    steps:
      - run: echo alarm
`;

const kinds = [
  { name: "sqlite", skip: undefined, url: async () => undefined },
  { name: "mariadb", skip: mariadbMissing, url: async () => await (await sharedMariadb()).createDatabase() },
] as const;

for (const kind of kinds) {
  if (kind.skip !== undefined) console.warn(`three-jobs on ${kind.name} is skipped: ${kind.skip}`);
  describe.skipIf(kind.skip !== undefined)(`a workflow of three jobs on ${kind.name}`, () => {
    const given = async () => {
      await using stack = new AsyncDisposableStack();
      const origin = stack.use(await gitRepository());
      const sha = await origin.commit({ ".gitea/workflows/pipeline.yml": WORKFLOW });
      const databaseUrl = await kind.url();
      const server = stack.use(
        await testServer({ repoRoot: origin.root, ...(databaseUrl === undefined ? {} : { databaseUrl }) }),
      );
      await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
      const { token } = (await server.admin.get("/admin/actions/runners/registration-token")).json;
      const runner = await scriptedRunner(server.url, token);
      const owned = stack.move();
      return { origin, sha, server, runner, [Symbol.asyncDispose]: () => owned.disposeAsync() };
    };
    const submit = async (server: TestServer, more: object = {}) => {
      const made = await server.admin.post("/runs", {
        repository: "olga/app",
        workflow: "pipeline.yml",
        inputs: { who: "you" },
        ...more,
      });
      expect([made.status, made.json?.message]).toEqual([201, undefined]);
      return made.json as { id: number; head_sha: string; display_title: string; status: string; run_number: number };
    };
    const run = async (server: TestServer, id: number) =>
      (await server.admin.get(`/repos/olga/app/actions/runs/${id}`)).json;
    const jobs = async (
      server: TestServer,
      id: number,
    ): Promise<{ id: number; name: string; status: string; conclusion: string | null }[]> =>
      (await server.admin.get(`/repos/olga/app/actions/runs/${id}/jobs`)).json.jobs;
    const next = async (runner: ScriptedRunner): Promise<Task> => {
      const task = await runner.fetch();
      if (task === undefined) throw new Error("there was no task");
      return task;
    };

    it("is green when the runner has played it", async () => {
      await using world = await given();
      const { server, runner, sha } = world;
      const made = await submit(server);
      expect(made).toMatchObject({
        head_sha: sha,
        display_title: "Pipeline of main for you",
        status: "queued",
        run_number: 1,
      });
      const first = await next(runner);
      expect((await run(server, made.id)).status).toBe("in_progress");
      await runner.play(first, { outputs: { version: "1.2" }, rows: ["hello", "world"] });
      await runner.play(await next(runner), { outputs: { version: "" } });
      const deploy = await next(runner);
      expect(deploy.needs["build"]).toMatchObject({ result: Result.SUCCESS, outputs: { version: "1.2" } });
      await runner.play(deploy);
      expect(await run(server, made.id)).toMatchObject({ status: "completed", conclusion: "success" });
      expect((await jobs(server, made.id)).map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
        "build (linux): success",
        "build (darwin): success",
        "deploy: success",
        "alarm: skipped",
      ]);
      const [job] = await jobs(server, made.id);
      const log = await server.admin.get(`/repos/olga/app/actions/jobs/${job?.id}/logs`);
      expect(log.text).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z hello\n\d{4}-\S+Z world\n$/);
      expect((await server.admin.get(`/repos/olga/app/actions/jobs/${job?.id}/logs?from=1&limit=1`)).text).toContain(
        "Z world\n",
      );
      expect((await server.admin.get(`/repos/olga/app/actions/jobs/${job?.id}/logs?step=1`)).text).not.toContain(
        "world",
      );
    });

    it("lets the alarm run and the rest be skipped when a leg fails", async () => {
      await using world = await given();
      const { server, runner } = world;
      const made = await submit(server);
      const [one, two] = [await next(runner), await next(runner)];
      await runner.report(two, {});
      await runner.play(one, { result: Result.FAILURE });
      // Fail-fast: the other leg is told at its next report.
      await eventually("the other leg is told", async () => (await runner.report(two, {})) === Result.CANCELLED);
      await runner.play(two, { result: Result.CANCELLED });
      await runner.play(await next(runner));
      expect(await run(server, made.id)).toMatchObject({ status: "completed", conclusion: "failure" });
      const ended = (await jobs(server, made.id)).map(({ name, conclusion }) => `${name}: ${conclusion}`);
      expect(ended.slice(0, 2).sort()).toEqual(["build (darwin): cancelled", "build (linux): failure"].sort());
      expect(ended.slice(2)).toEqual(["deploy: skipped", "alarm: success"]);
      const again = await server.admin.post(`/repos/olga/app/actions/runs/${made.id}/rerun-failed-jobs`);
      expect([again.status, again.json.run_attempt, again.json.status]).toEqual([201, 2, "queued"]);
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      expect(await run(server, made.id)).toMatchObject({ conclusion: "success", run_attempt: 2 });
      expect((await server.admin.post(`/repos/olga/app/actions/runs/${made.id}/rerun-failed-jobs`)).status).toBe(422);
    });

    it("can be cancelled, repeated and deleted", async () => {
      await using world = await given();
      const { server, runner } = world;
      const made = await submit(server);
      const task = await next(runner);
      await runner.report(task, {});
      const path = `/repos/olga/app/actions/runs/${made.id}`;
      expect((await server.admin.delete(path)).status).toBe(400);
      expect((await server.admin.post(`${path}/rerun`)).status).toBe(409);
      expect((await server.admin.post(`${path}/cancel`)).json.status).toBe("in_progress");
      expect(await runner.report(task, {})).toBe(Result.CANCELLED);
      await runner.play(task, { result: Result.CANCELLED });
      expect(await run(server, made.id)).toMatchObject({ status: "completed", conclusion: "cancelled" });
      expect((await jobs(server, made.id)).map((job) => job.conclusion)).toEqual([
        "cancelled",
        "cancelled",
        "cancelled",
        "cancelled",
      ]);
      expect((await server.admin.post(`${path}/cancel`)).status).toBe(409);
      expect((await server.admin.post(`${path}/rerun`)).json).toMatchObject({ run_attempt: 2, status: "queued" });
      expect((await server.admin.post(`${path}/force-cancel`)).json).toMatchObject({ status: "completed" });
      expect((await server.admin.delete(path)).status).toBe(204);
      expect((await server.admin.get(path)).status).toBe(404);
    });

    it("gives the task's token to git, and only while it runs and only for its repository", async () => {
      await using world = await given();
      const { server, runner, origin } = world;
      await server.admin.post("/admin/users/olga/repos", { name: "other", clone_url: origin.path });
      await submit(server);
      const task = await next(runner);
      await runner.report(task, {});
      const token = String(task.secrets["GITHUB_TOKEN"]);
      await clone(server.url, token, "olga/app");
      await expect(clone(server.url, token, "olga/other")).rejects.toThrow();
      await runner.play(task);
      await expect(clone(server.url, token, "olga/app")).rejects.toThrow(/Authentication failed/);
    });
  });
}

async function clone(server: string, token: string, path: string): Promise<void> {
  const target = await mkdtemp(join(tmpdir(), "clone-"));
  try {
    const url = `${server.replace("//", `//x-access-token:${token}@`)}/${path}`;
    await promisify(execFile)("git", ["clone", "--quiet", url, join(target, "work")], {
      env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
    });
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}
