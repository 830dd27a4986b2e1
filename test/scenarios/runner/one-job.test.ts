import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { type RunnerWorld, runnerWorld } from "../../support/runner-world.ts";
import { CliPlace } from "../cli/cli-process.ts";

const RUNNERS = "/admin/actions/runners";
const ECHO = () => "      - run: echo hello\n";

interface Credential {
  readonly id: number;
  readonly uuid: string;
  readonly token: string;
  readonly labels: string[];
  readonly job_id: number | null;
}

const credential = async ({ server }: RunnerWorld, wish: object): Promise<Credential> => {
  const answer = await server.admin.post(`${RUNNERS}/one-job`, wish);
  expect([answer.status, answer.json?.message]).toEqual([201, undefined]);
  return answer.json;
};

/** A place where `one-job` is run with a credential, by file. */
async function commandPlace(world: RunnerWorld) {
  const place = await CliPlace.make();
  const start = async ({ uuid, token }: Credential, ...flags: string[]) => {
    const file = join(world.folder, `token-${uuid}`);
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    return place.start(["one-job", "--url", world.server.url, "--uuid", uuid, "--token-file", file, ...flags]);
  };
  return { place, start, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

describe("one-job", { timeout: 60_000 }, () => {
  it("does one job, ends with its result, and leaves no record; without a job it ends with 2", async () => {
    await using world = await runnerWorld((folder) => `      - run: "test ! -e ${folder}/fail"\n`);
    await using commands = await commandPlace(world);
    const first = await credential(world, { labels: ["linux"], name: "vm-1" });
    const none = await (await commands.start(first, "--labels", "linux:host")).ended;
    expect([none.code, none.err]).toEqual([2, expect.stringContaining("there is no job")]);
    // It was not used up by that.
    const green = await world.submit();
    expect((await (await commands.start(first, "--labels", "linux:host")).ended).code).toBe(0);
    expect(await world.conclusion(green)).toBe("success");
    expect((await world.server.admin.get(`${RUNNERS}/${first.id}`)).status).toBe(404);
    const again = await (await commands.start(first)).ended;
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("does not know this runner")]);

    await writeFile(join(world.folder, "fail"), "");
    const second = await credential(world, { labels: ["linux"] });
    const waiting = await commands.start(second, "--labels", "linux:host", "--wait");
    const online = async () => (await world.server.admin.get(`${RUNNERS}/${second.id}`)).json.status === "online";
    await eventually("the runner to wait", online);
    const red = await world.submit();
    expect((await waiting.ended).code).toBe(1);
    expect(await world.conclusion(red)).toBe("failure");
    expect(await readdir(commands.place.directory)).not.toContain(".runner");
  });

  it("says what is missing", async () => {
    await using place = await CliPlace.make();
    const run = async (...flags: string[]) => (await place.run(["one-job", ...flags])).err;
    expect(await run("--url", "http://127.0.0.1:1", "--uuid", "u")).toContain("--token-file");
  });

  it("bound to a job does that one, which no other runner gets meanwhile", async () => {
    await using world = await runnerWorld(ECHO);
    const [older, kept] = [await world.submit(), await world.submit()];
    const jobId = (await world.jobs(kept))[0].id;
    const bound = await credential(world, { job_id: jobId });
    expect(bound).toMatchObject({ labels: ["linux"], job_id: jobId });
    const refused = await world.server.admin.post(`${RUNNERS}/one-job`, { job_id: jobId });
    expect([refused.status, refused.json.message]).toEqual([409, expect.stringContaining(`runner ${bound.id} until`)]);
    await world.register();
    {
      await using _runner = world.start();
      expect(await world.conclusion(older)).toBe("success");
      const next = await world.submit();
      expect(await world.conclusion(next)).toBe("success");
      expect((await world.jobs(kept))[0].status).toBe("queued");
    }
    await using commands = await commandPlace(world);
    const other = await world.submit();
    expect((await (await commands.start(bound, "--labels", "linux:host")).ended).code).toBe(0);
    expect(await world.conclusion(kept)).toBe("success");
    expect((await world.jobs(kept))[0].runner_id).toBe(bound.id);
    expect((await world.jobs(other))[0].status).toBe("queued");
  });

  it("a job is free again when the runner that it was kept for is deleted, or its time is over", async () => {
    await using world = await runnerWorld(ECHO);
    const [first, second] = [await world.submit(), await world.submit()];
    const bound = await credential(world, { job_id: (await world.jobs(first))[0].id });
    await credential(world, { job_id: (await world.jobs(second))[0].id, reserve_seconds: 1 });
    await world.register();
    await using _runner = world.start();
    expect(await world.conclusion(second)).toBe("success");
    expect((await world.jobs(first))[0].status).toBe("queued");
    expect((await world.server.admin.delete(`${RUNNERS}/${bound.id}`)).status).toBe(204);
    expect(await world.conclusion(first)).toBe("success");
  });

  it("refuses what cannot be", async () => {
    await using world = await runnerWorld(ECHO);
    const { admin } = world.server;
    const ask = async (wish: object) => {
      const { status, json } = await admin.post(`${RUNNERS}/one-job`, wish);
      return [status, json.message];
    };
    expect(await ask({})).toEqual([422, expect.stringContaining("needs labels")]);
    expect(await ask({ job_id: 999 })).toEqual([404, expect.stringContaining("no job 999")]);
    const run = await world.submit();
    const job_id = (await world.jobs(run))[0].id;
    expect(await ask({ job_id, labels: ["windows"] })).toEqual([422, expect.stringContaining("runs on linux")]);
    await admin.post("/admin/users", { username: "other" });
    const elsewhere = await admin.post("/orgs/nobody/actions/runners/one-job", { job_id });
    expect(elsewhere.status).toBe(404);
  });
});

describe("an ephemeral runner", { timeout: 60_000 }, () => {
  it("is gone after its job; `daemon --once` ends after one job and stays registered", async () => {
    await using world = await runnerWorld(ECHO);
    const once = await world.register();
    const [first, second] = [await world.submit(), await world.submit()];
    expect(await world.start({ once: true }).ended).toEqual({ end: "enough", lastResult: "success" });
    expect(await world.conclusion(first)).toBe("success");
    expect((await world.jobs(second))[0].status).toBe("queued");
    expect((await world.server.admin.get(`${RUNNERS}/${once.id}`)).status).toBe(200);
    const ephemeral = await world.register({ ephemeral: true });
    expect(await world.start().ended).toEqual({ end: "enough", lastResult: "success" });
    expect(await world.conclusion(second)).toBe("success");
    expect((await world.server.admin.get(`${RUNNERS}/${ephemeral.id}`)).status).toBe(404);
    expect(existsSync(world.file)).toBe(true);
  });
});
