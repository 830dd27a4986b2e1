import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { REQUEST_KEY_HEADER } from "../../src/protocol/headers.ts";
import { FetchSingleTaskRequestSchema, FetchTaskRequestSchema } from "../../src/protocol/messages.ts";
import { jobHandle } from "../../src/server/domain/job-handle.ts";
import { storeKinds } from "../support/stores.ts";
import { openServer } from "./runner-protocol.fixture.ts";

/** For a call that is answered at once. */
const plenty = { timeoutMs: 25_000 };

it("reads the bytes that forgejo-runner 12.8.2 sent", () => {
  expect(fromBinary(FetchTaskRequestSchema, Buffer.from("1003", "hex"))).toMatchObject({ taskCapacity: 3n });
  const handle = "00000000-0001-8000-8000-000000000007";
  const sent = Buffer.concat([Buffer.from("1224", "hex"), Buffer.from(handle)]);
  expect(fromBinary(FetchSingleTaskRequestSchema, sent)).toMatchObject({ handle });
});

describe.each(storeKinds.filter(({ skip }) => skip === undefined))("messages that Forgejo added, on $name", (kind) => {
  it.each(["proto", "json"] as const)("gives as many tasks as the runner has room for (%s)", async (format) => {
    await using server = await openServer({ kind });
    const client = server.client(await server.register(), format);
    await server.addJobs(5);
    const keyed = { ...plenty, headers: { [REQUEST_KEY_HEADER]: "11111111-2222-4333-8444-555555555555" } };
    const first = await client.fetchTask({ tasksVersion: 0n, taskCapacity: 3n }, keyed);
    const ids = [first.task?.id, ...first.additionalTasks.map(({ id }) => id)];
    expect(new Set(ids).size).toBe(3);
    const again = await client.fetchTask({ tasksVersion: 0n, taskCapacity: 3n }, keyed);
    expect([again.task?.id, ...again.additionalTasks.map(({ id }) => id)]).toEqual(ids);
    const rest = await client.fetchTask({ tasksVersion: 0n, taskCapacity: 9n }, plenty);
    expect(rest.additionalTasks).toHaveLength(1);
    expect(ids).not.toContain(rest.task?.id);
  });

  it("gives one task to a runner that names no capacity", async () => {
    await using server = await openServer({ kind });
    const client = server.client(await server.register());
    await server.addJobs(2);
    expect((await client.fetchTask({ tasksVersion: 0n }, plenty)).additionalTasks).toEqual([]);
    expect((await client.fetchSingleTask({ tasksVersion: 0n }, plenty)).task?.id).toBeGreaterThan(0n);
  });

  it("gives the job with the handle, to a runner that may have it, and no other", async () => {
    await using server = await openServer({ kind });
    const client = server.client(await server.register());
    const [, wanted] = await server.addJobs(3);
    const [foreign] = await server.addJobs(1, { runsOn: ["elsewhere"] });
    if (wanted === undefined || foreign === undefined) throw new Error("no jobs");
    const handle = jobHandle({ jobId: wanted.id, attempt: wanted.attempt });
    const none = [
      jobHandle({ jobId: wanted.id, attempt: 2 }),
      jobHandle({ jobId: foreign.id, attempt: 1 }),
      "nonsense",
    ];
    for (const other of none) {
      expect((await client.fetchSingleTask({ tasksVersion: 0n, handle: other }, plenty)).task).toBeUndefined();
    }
    const { task } = await client.fetchSingleTask({ tasksVersion: 0n, handle }, plenty);
    expect((await server.store.read.tasks.get(Number(task?.id)))?.jobId).toBe(wanted.id);
    expect((await client.fetchSingleTask({ tasksVersion: 0n, handle }, plenty)).task).toBeUndefined();
  });
});
