import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpdateLogRequestSchema } from "../../../../src/protocol/messages.ts";
import { type TestServer, testServer } from "../../../support/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A log request of so many empty rows, two bytes each, as a few kilobytes of gzip. */
function packedRows(count: number): Buffer {
  const one = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { rows: [{}] }));
  return gzipSync(Buffer.alloc(one.length * count, one));
}

describe("compressed requests", () => {
  it("and those in JSON are taken up to 4 MiB, since nobody counts their rows before they are decoded", async () => {
    const { json } = await server.admin.post("/admin/actions/runners", { name: "json" });
    const send = async (rows: number) => {
      const response = await fetch(`${server.url}/api/actions/runner.v1.RunnerService/UpdateLog`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-runner-uuid": json.uuid, "x-runner-token": json.token },
        body: `{"rows":[${"{},".repeat(rows)}{}]}`,
      });
      return ((await response.json()) as { code: string }).code;
    };
    expect(await send(1_000)).toBe("not_found");
    expect(await send(1_500_000)).toBe("resource_exhausted");
  });

  it("are not unpacked beyond 4 MiB, whatever the method allows", async () => {
    const { json } = await server.admin.post("/admin/actions/runners", { name: "bomber" });
    const send = async (count: number) => {
      const response = await fetch(`${server.url}/api/actions/runner.v1.RunnerService/UpdateLog`, {
        method: "POST",
        headers: {
          "content-type": "application/proto",
          "content-encoding": "gzip",
          "x-runner-uuid": json.uuid,
          "x-runner-token": json.token,
        },
        body: new Uint8Array(packedRows(count)),
      });
      return ((await response.json()) as { code: string }).code;
    };
    expect(await send(1_000)).toBe("not_found");
    expect(await send(3_000_000)).toBe("resource_exhausted");
  });
});
