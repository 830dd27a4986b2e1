import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PingService } from "../../../../src/protocol/messages.ts";
import { startServer } from "../../../../src/server/server.ts";
import { eventually } from "../../../support/eventually.ts";
import { scriptedRunner } from "../../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../../support/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Sends raw bytes, piece by piece, and returns all that came back until the server closed or `until` was seen. */
async function raw(pieces: readonly string[], until: string): Promise<string> {
  const { host, port } = server.server.address;
  const socket = connect({ host, port });
  await once(socket, "connect");
  let seen = "";
  socket.on("data", (chunk) => {
    seen += chunk.toString("latin1");
    if (seen.includes(until)) socket.end();
  });
  for (const piece of pieces)
    await new Promise<void>((resolve) => socket.write(piece, "latin1", () => setImmediate(resolve)));
  await once(socket, "close");
  return seen;
}

async function http2Get(path: string): Promise<{ status: number; body: string }> {
  const session: ClientHttp2Session = connectHttp2(server.url);
  try {
    const stream = session.request({ ":path": path });
    const [headers] = await once(stream, "response");
    let body = "";
    for await (const chunk of stream) body += chunk;
    return { status: Number(headers[":status"]), body };
  } finally {
    session.close();
  }
}

describe("one port", () => {
  it("answers HTTP/1.1 and HTTP/2 with prior knowledge", async () => {
    expect(await (await fetch(`${server.url}/healthz`)).text()).toBe("ok\n");
    expect(await http2Get("/healthz")).toEqual({ status: 200, body: "ok\n" });
    expect((await http2Get("/api/v1/version")).status).toBe(200);
  });

  it("serves the runner protocol by Connect, gRPC and JSON, with and without prefix", async () => {
    for (const baseUrl of [server.url, `${server.url}/api/actions`]) {
      for (const httpVersion of ["1.1", "2"] as const) {
        const client = createClient(PingService, createConnectTransport({ baseUrl, httpVersion }));
        expect((await client.ping({ data: "hello" })).data).toContain("hello");
      }
    }
    const grpc = createClient(PingService, createGrpcTransport({ baseUrl: server.url }));
    expect((await grpc.ping({ data: "hello" })).data).toContain("hello");
    for (const httpVersion of ["1.1", "2"] as const) {
      const web = createClient(
        PingService,
        createGrpcWebTransport({ baseUrl: `${server.url}/api/actions`, httpVersion }),
      );
      expect((await web.ping({ data: httpVersion })).data).toContain(httpVersion);
    }
  });

  it("takes a request that comes byte by byte", async () => {
    const answer = await raw(
      [..."POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
      "\r\n\r\n",
    );
    expect(answer).toContain("HTTP/1.1 404");
  });

  it("answers an HTTP/1.1 client that closes its side after the request", async () => {
    const { host, port } = server.server.address;
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.end("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let seen = "";
    for await (const chunk of socket) seen += chunk;
    expect(seen).toContain("200 OK");
  });

  it("is ready while the database answers", async () => {
    const answer = await fetch(`${server.url}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([200, "ok\n"]);
  });

  it("refuses a port that is taken, with the address", async () => {
    const { port } = server.server.address;
    await using other = await testServer();
    await other.server.close();
    await expect(startServer({ listen: `127.0.0.1:${port}`, dataDir: other.dataDir })).rejects.toThrow(
      `127.0.0.1:${port}`,
    );
  });
});

describe("closing", () => {
  it("ends a parked poll without a task, long before the time of grace", async () => {
    const closing = await testServer();
    const { token } = (await closing.admin.get("/admin/actions/runners/registration-token")).json;
    const runner = await scriptedRunner(closing.url, token);
    const poll = runner.fetch(50_000);
    const { dispatcher } = closing.server.services.protocol;
    await eventually("the poll is parked", () => dispatcher.counts.parkedPolls === 1);
    const began = performance.now();
    await closing.server.close({ graceMs: 30_000 });
    expect(await poll).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(10_000);
    await closing[Symbol.asyncDispose]();
  });

  it("says so at /readyz for the drain period, in which everything else goes on", async () => {
    const draining = await testServer({ drainMs: 3_000 });
    const ready = async () => (await fetch(`${draining.url}/readyz`)).status;
    expect(await ready()).toBe(200);
    const began = performance.now();
    const closed = draining.server.close({ graceMs: 10_000 });
    expect(await ready()).toBe(503);
    expect((await draining.admin.get("/user")).status).toBe(200);
    await closed;
    expect(performance.now() - began).toBeGreaterThan(2_900);
    await expect(ready()).rejects.toThrow();
    await draining[Symbol.asyncDispose]();
  });

  it("ends idle connections of both versions and silent ones at once", async () => {
    const closing = await testServer();
    const { host, port } = closing.server.address;
    const silent = connect({ host, port });
    await once(silent, "connect");
    const session = connectHttp2(closing.url);
    await once(session, "connect");
    await fetch(`${closing.url}/healthz`);
    const gone = Promise.all([once(silent, "close"), once(session, "close")]);
    silent.on("error", () => {});
    session.on("error", () => {});
    await closing.server.close({ graceMs: 10_000 });
    await gone;
    await closing[Symbol.asyncDispose]();
  });
});
