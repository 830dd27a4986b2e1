import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RestClient } from "../../../src/cli/rest-client.ts";
import type { AppError } from "../../../src/lib/errors.ts";

const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
  const url = new URL(request.url ?? "", "http://x");
  const status = Number(url.searchParams.get("status") ?? 200);
  if (url.pathname.endsWith("/things")) {
    const page = Number(url.searchParams.get("page"));
    response.end(JSON.stringify({ things: page > 2 ? [1] : Array.from({ length: 50 }, (_, at) => at) }));
  } else if (url.pathname.endsWith("/away")) {
    response.writeHead(302, { location: "http://evil.example/" }).end();
  } else if (url.pathname.endsWith("/text")) {
    response.end("<html>");
  } else {
    response.writeHead(status).end(JSON.stringify({ message: "the thing is wrong", details: { a: 1 } }));
  }
});
let address = "";
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const client = (at = address) => new RestClient({ server: at, token: "t0", source: "a test" });
const failure = async (work: Promise<unknown>) =>
  (await work.then(
    () => undefined,
    (error: AppError) => error,
  )) as AppError;

test("lists go through all pages and stop at the limit", async () => {
  expect(await client().list("/things", "things", { query: { a: undefined, b: 1 } })).toHaveLength(101);
  expect(seen[0]).toBe("GET /api/v1/things?b=1&page=1&limit=50 Bearer t0");
  expect(await client().list("/things", "things", { limit: 3 })).toHaveLength(3);
});

test.each([
  [401, "unauthenticated", /refused the API token of a test/],
  [403, "forbidden", /the thing is wrong/],
  [404, "not_found", /the thing is wrong/],
  [409, "conflict", /the thing is wrong/],
  [422, "invalid", /the thing is wrong/],
  [429, "exhausted", /the thing is wrong/],
  [500, "internal", /the thing is wrong/],
  [503, "unavailable", /the thing is wrong/],
])("%i is %s", async (status, code, message) => {
  const error = await failure(client().request("GET", "/x", { query: { status } }));
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
});

test("the server's details come along", async () => {
  expect(await failure(client().request("POST", "/x", { body: {}, query: { status: 422 } }))).toMatchObject({
    details: { a: 1 },
  });
});

test("a redirect is not followed, so that the token stays here", async () => {
  expect(await failure(client().request("GET", "/away"))).toMatchObject({ code: "unavailable" });
});

test("something that is not JSON is named", async () => {
  expect(await failure(client().request("GET", "/text"))).toMatchObject({
    message: expect.stringContaining("not JSON"),
  });
});

test("no server: the sentence says how to start one", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const closed = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  other.close();
  await once(other, "close");
  expect(await failure(client(closed).request("GET", "/x"))).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(`^no server answers at ${closed}: start it with "act-runner-ts server"`),
  });
});
