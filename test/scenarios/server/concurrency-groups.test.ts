import { describe, expect, it } from "vitest";
import { Result, type Task } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { type ScriptedRunner, scriptedRunner } from "../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../support/test-server.ts";

const step = "    runs-on: linux\n    steps: [{ run: echo }]\n";
const inputs = (more: string) => `on:\n  workflow_dispatch:\n    inputs:\n${more}`;
const FILES = {
  ".gitea/workflows/run.yml": `${inputs("      cancel: { type: boolean, default: false }\n      group: { type: string, default: Prod }\n")}concurrency:
  group: deploy-\${{ inputs.group }}
  cancel-in-progress: \${{ inputs.cancel }}
jobs:
  one:
${step}  last:
    needs: one
    if: always()
${step}`,
  ".gitea/workflows/queue.yml": `on: workflow_dispatch\nconcurrency: { group: line, queue: max }\njobs:\n  one:\n${step}`,
  ".gitea/workflows/job.yml": `on: workflow_dispatch
jobs:
  free:
${step}  locked:
    concurrency: lock
${step}  call:
    uses: ./.gitea/workflows/called.yml
`,
  ".gitea/workflows/called.yml": `on: workflow_call\nconcurrency: in-called\njobs:\n  in:\n${step}`,
  ".gitea/workflows/dead.yml": `on: workflow_dispatch\nconcurrency: same\njobs:\n  one:\n    concurrency: SAME\n${step}`,
  ".gitea/workflows/wrong.yml": `on: workflow_dispatch\nconcurrency: { group: x, cancel-in-progress: "\${{ github.sha }}" }\njobs:\n  one:\n${step}`,
};

const kinds = [
  { name: "sqlite", skip: undefined, url: async () => undefined },
  { name: "mariadb", skip: mariadbMissing, url: async () => await (await sharedMariadb()).createDatabase() },
] as const;

for (const kind of kinds) {
  if (kind.skip !== undefined) console.warn(`concurrency groups on ${kind.name} are skipped: ${kind.skip}`);
  describe.skipIf(kind.skip !== undefined)(`concurrency groups on ${kind.name}`, () => {
    /** Two replicas on MariaDB, one server on SQLite; a runner at the last of them. */
    const given = async () => {
      await using stack = new AsyncDisposableStack();
      const origin = stack.use(await gitRepository(FILES));
      const databaseUrl = await kind.url();
      const options = { repoRoot: origin.root, ...(databaseUrl && { databaseUrl, serverKey: "k".repeat(40) }) };
      const servers: TestServer[] = [];
      for (let count = databaseUrl === undefined ? 1 : 2; count > 0; count--)
        servers.push(stack.use(await testServer(options)));
      const [first = never(), last = first] = servers;
      await first.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
      const { token } = (await first.admin.get("/admin/actions/runners/registration-token")).json;
      const runner = await scriptedRunner(last.url, token);
      const owned = stack.move();
      const submit = async (workflow: string, given: object = {}): Promise<number> => {
        const made = await first.admin.post("/runs", { repository: "olga/app", workflow, inputs: given });
        expect([made.status, made.json?.message]).toEqual([201, undefined]);
        return made.json.id;
      };
      const jobs = async (id: number): Promise<Record<string, string>> => {
        const { json } = await first.admin.get(`/repos/olga/app/actions/runs/${id}/jobs`);
        return Object.fromEntries(
          json.jobs.map((job: { name: string; status: string; conclusion: string | null }) => [
            job.name,
            job.conclusion ?? job.status,
          ]),
        );
      };
      const become = (id: number, wanted: Record<string, string>) =>
        eventually(`run ${id} to be ${JSON.stringify(wanted)}`, async () => {
          const now = await jobs(id);
          return Object.entries(wanted).every(([name, status]) => now[name] === status);
        });
      return { server: first, runner, submit, jobs, become, [Symbol.asyncDispose]: () => owned.disposeAsync() };
    };
    const next = async (runner: ScriptedRunner): Promise<Task> => (await runner.fetch(20_000)) ?? never();

    it("one run is active and one waits; a newer one takes its place", async () => {
      await using world = await given();
      const { runner, submit, jobs, become } = world;
      const first = await submit("run.yml");
      const second = await submit("run.yml", { group: "PROD" });
      expect(await jobs(second)).toEqual({ one: "waiting", last: "waiting" });
      const other = await submit("run.yml", { group: "else" });
      expect(await jobs(other)).toMatchObject({ one: "queued" });
      const third = await submit("run.yml");
      await become(second, { one: "cancelled", last: "cancelled" });
      expect(await jobs(third)).toEqual({ one: "waiting", last: "waiting" });
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      await become(first, { one: "success", last: "success" });
      await become(third, { one: "queued" });
      await runner.play(await next(runner));
      await runner.play(await next(runner));
      await become(third, { one: "success", last: "success" });
      const { json } = await world.server.admin.get(`/repos/olga/app/actions/runs/${second}`);
      expect(json).toMatchObject({ status: "completed", conclusion: "cancelled" });
      const ended = (await world.server.admin.get(`/repos/olga/app/actions/runs/${second}/jobs`)).json.jobs;
      expect(ended.map((job: { cause: string }) => job.cause)).toEqual(["superseded", "superseded"]);
      const fourth = await submit("run.yml");
      expect(await jobs(fourth)).toMatchObject({ one: "queued" });
      expect((await world.server.admin.post(`/repos/olga/app/actions/runs/${first}/rerun`)).status).toBe(201);
      expect(await jobs(first)).toEqual({ one: "waiting", last: "waiting" });
      await world.server.admin.post(`/repos/olga/app/actions/runs/${first}/cancel`);
      expect(await jobs(first)).toEqual({ one: "cancelled", last: "cancelled" });
    });

    it("cancel-in-progress cancels what runs, and begins when it has ended", async () => {
      await using world = await given();
      const { runner, submit, become } = world;
      const first = await submit("run.yml");
      const task = await next(runner);
      await runner.report(task, {});
      const second = await submit("run.yml", { cancel: true });
      await eventually("the cancel", async () => (await runner.report(task, {})) === Result.CANCELLED);
      await become(second, { one: "waiting" });
      await runner.report(task, { result: Result.CANCELLED });
      await become(first, { one: "cancelled", last: "queued" });
      await runner.play(await next(runner));
      await become(first, { last: "success" });
      await become(second, { one: "queued" });
    });

    it("queue: max keeps the order", async () => {
      await using world = await given();
      const { runner, submit, become } = world;
      const ids = [await submit("queue.yml"), await submit("queue.yml"), await submit("queue.yml")];
      for (const id of ids) {
        await become(id, { one: "queued" });
        await runner.play(await next(runner));
        await become(id, { one: "success" });
      }
    });

    it("jobs and called workflows have groups of their own", async () => {
      await using world = await given();
      const { submit, jobs, become } = world;
      const first = await submit("job.yml");
      expect(await jobs(first)).toEqual({
        free: "queued",
        locked: "queued",
        call: "in_progress",
        "call / in": "queued",
      });
      const second = await submit("job.yml");
      expect(await jobs(second)).toEqual({ free: "queued", locked: "waiting", call: "waiting" });
      const third = await submit("job.yml");
      await become(second, { free: "queued", locked: "cancelled", call: "cancelled" });
      await world.server.admin.post(`/repos/olga/app/actions/runs/${first}/cancel`);
      await become(first, { call: "cancelled", "call / in": "cancelled" });
      await become(third, { locked: "queued", "call / in": "queued" });
    });

    it("say what is wrong with them", async () => {
      await using world = await given();
      const { submit, become, server } = world;
      await become(await submit("dead.yml"), { one: "failure" });
      const wrong = await server.admin.post("/runs", { repository: "olga/app", workflow: "wrong.yml" });
      expect([wrong.status, wrong.json.message]).toEqual([422, expect.stringContaining("has to be true or false")]);
    });
  });
}

function never(): never {
  throw new Error("there was none");
}
