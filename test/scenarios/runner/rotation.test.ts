import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { createRunnerClient } from "../../../src/runner/client.ts";
import { loadRunnerFile, type RunnerFile, saveRunnerFile } from "../../../src/runner/runner-file.ts";
import { eventually } from "../../support/eventually.ts";
import { type RunnerWorld, runnerWorld } from "../../support/runner-world.ts";

/** Says that it has begun, and goes on until it is told. */
const waitingJob = (folder: string) => `      - run: |
          touch ${folder}/begun
          while [ ! -e ${folder}/go ]; do sleep 0.05; done
`;
const RUNNERS = "/admin/actions/runners";

const rotate = async ({ server }: RunnerWorld, { id }: { id: number }, body: object = {}) => {
  const answer = await server.admin.post(`${RUNNERS}/${id}/rotate-token`, body);
  expect([answer.status, answer.json?.message]).toEqual([200, undefined]);
  return answer.json as { token: string | null; delivery: string; old_expires_at: string };
};
const shown = async ({ server }: RunnerWorld, { id }: { id: number }) =>
  (await server.admin.get(`${RUNNERS}/${id}`)).json;
const tokenInFile = async ({ file }: RunnerWorld) => (await loadRunnerFile(file))?.token ?? "";

/** Whether the server takes a runner's token. */
async function works({ address, uuid }: RunnerFile, token: string): Promise<boolean> {
  using client = createRunnerClient({ address, identity: { uuid, token }, version: "test" });
  return await client.runner.fetchTask({}, { timeoutMs: 600 }).then(
    () => true,
    (error: Error) => {
      expect(error.message).toMatch(/unregistered runner$/);
      return false;
    },
  );
}

/** Waits until the runner has confirmed another token than `old`, and checks that this one is dead. */
async function confirmed(world: RunnerWorld, before: RunnerFile): Promise<string> {
  const token = await eventually("the new token in the file", async () => {
    const now = await tokenInFile(world);
    return now !== before.token && now !== "" ? now : undefined;
  });
  await eventually("the confirmation", async () => (await shown(world, before)).old_token_expires_at === null);
  expect((await stat(world.file)).mode & 0o777).toBe(0o600);
  expect(await works(before, before.token)).toBe(false);
  return token;
}

/** A proxy without streams, as before a server that has none. */
async function withoutStreams(url: string): Promise<{ url: string } & AsyncDisposable> {
  const target = new URL(url);
  const server: Server = createServer((request, response) => {
    if (request.url?.includes("StreamTasks") === true) {
      response.writeHead(404).end();
      return;
    }
    const { method, headers, url: path } = request;
    const onward = httpRequest({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a runner's new token", () => {
  it("comes by the stream, in the middle of a job, which goes on to its end", async () => {
    await using world = await runnerWorld(waitingJob);
    const before = await world.register();
    await using _runner = world.start();
    const run = await world.submit();
    await eventually("the job to begin", () => existsSync(join(world.folder, "begun")));
    expect(await rotate(world, before)).toMatchObject({ token: null, delivery: "server" });
    const token = await confirmed(world, before);
    await writeFile(join(world.folder, "go"), "");
    expect(await world.conclusion(run)).toBe("success");
    // And once more, with no job there.
    await rotate(world, before);
    await confirmed(world, { ...before, token });
    expect(await world.conclusion(await world.submit())).toBe("success");
  });

  it("comes with the answer to a report where there are no streams", async () => {
    await using world = await runnerWorld(waitingJob);
    await using proxy = await withoutStreams(world.server.url);
    const before = await world.register({ address: proxy.url });
    // Reports go out every 20 s.
    const clock: Clock = {
      ...systemClock,
      timer: (ms, callback) => systemClock.timer(ms === 20_000 ? 50 : ms, callback),
    };
    await using _runner = world.start({ clock });
    const run = await world.submit();
    await eventually("the job to begin", () => existsSync(join(world.folder, "begun")));
    await rotate(world, before);
    await confirmed(world, before);
    await writeFile(join(world.folder, "go"), "");
    expect(await world.conclusion(run)).toBe("success");
  });

  it("is told to a runner that was away, also when it had it on disk and never used it", async () => {
    await using world = await runnerWorld(() => "      - run: echo\n");
    const before = await world.register();
    // The first start makes it known that this runner takes tokens.
    {
      await using _runner = world.start();
      await eventually("the runner to be online", async () => (await shown(world, before)).status === "online");
    }
    await rotate(world, before);
    expect(await tokenInFile(world)).toBe(before.token);
    let token: string;
    {
      await using _runner = world.start();
      token = await confirmed(world, before);
    }
    const { token: next } = await rotate(world, before, { reveal: true });
    expect(next).not.toBe(token);
    // As a runner that was killed between the two.
    await saveRunnerFile(world.file, { ...before, token: next ?? "" });
    await using _runner = world.start();
    await confirmed(world, { ...before, token });
    expect(await world.conclusion(await world.submit())).toBe("success");
  });

  it("comes by itself when the old one is too old", async () => {
    await using world = await runnerWorld(() => "      - run: echo\n", { runnerTokenLifetimeMs: 1 });
    const before = await world.register();
    await using _runner = world.start();
    await confirmed(world, before);
  });

  it("of a stock runner is shown to whoever asked for it; both work until it is used", async () => {
    await using world = await runnerWorld(() => "      - run: echo\n");
    const { admin } = world.server;
    const before = await world.register();
    const first = await rotate(world, before);
    expect(first.delivery).toBe("caller");
    expect(await rotate(world, before)).toEqual(first);
    expect(await works(before, before.token)).toBe(true);
    expect(await works(before, first.token ?? "")).toBe(true);
    expect(await works(before, before.token)).toBe(false);
    const second = await rotate(world, before, { overlap_seconds: 0 });
    expect(await works(before, first.token ?? "")).toBe(false);
    expect(await works(before, second.token ?? "")).toBe(true);
    expect((await admin.post(`${RUNNERS}/999/rotate-token`)).status).toBe(404);
    expect((await admin.post(`${RUNNERS}/${before.id}/rotate-token`, { overlap_seconds: -1 })).status).toBe(422);
    expect((await world.server.client().post(`${RUNNERS}/${before.id}/rotate-token`)).status).toBe(401);
  });

  it("that cannot be stored leaves the old one in use, and is told again", async () => {
    await using world = await runnerWorld(() => "      - run: echo\n");
    const before = await world.register();
    const complaints: string[] = [];
    const record = (_: unknown, message: string) => void complaints.push(message);
    const clock: Clock = {
      ...systemClock,
      timer: (ms, callback) => systemClock.timer(ms === 20_000 ? 50 : ms, callback),
    };
    const logger = { debug: () => {}, info: () => {}, warn: record, error: record };
    await using _runner = world.start({ clock, logger });
    await eventually("the runner to be online", async () => (await shown(world, before)).status === "online");
    await saveRunnerFile(world.file, { ...before, uuid: "somebody-else" });
    await rotate(world, before);
    await eventually("the complaint", () => complaints.some((line) => line.includes("cannot be stored")));
    expect(await works(before, before.token)).toBe(true);
    await saveRunnerFile(world.file, before);
    await confirmed(world, before);
    expect(complaints.filter((line) => line.includes("cannot be stored"))).toHaveLength(1);
  });
});
