import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestClient, type TestServer, testServer } from "../../../support/test-server.ts";

let server: TestServer;
let olga: TestClient;

beforeAll(async () => {
  server = await testServer({ publicUrl: "http://ci.example/sub" });
  for (const username of ["olga", "sam"]) await server.admin.post("/admin/users", { username });
  const repository = { name: "hidden", clone_url: "https://git.example.com/hidden.git", default_branch: "main" };
  expect((await server.admin.post("/admin/users/sam/repos", repository)).status).toBe(201);
  olga = server.client((await make(server.admin, {})).json.token);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function make(client: TestClient, body: object) {
  return client.post("/users/olga/tokens", { name: "x", grant: "owner", access: "write", ...body });
}

describe("a token that makes tokens", () => {
  it("does not tell what exists outside of its reach", async () => {
    const answers = [];
    for (const owner of ["sam", "void"]) answers.push(await make(olga, { owner }));
    for (const name of ["sam/hidden", "sam/void", "void/void"])
      answers.push(await make(olga, { grant: "repository", repository: name }));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    const [hidden, missing] = answers.map(({ json }) => json.message.replace(/sam|void/, "X"));
    expect(hidden).toBe(missing);
    expect((await make(olga, { grant: "repository", repository: "sam" })).status).toBe(422);
  });

  it("makes none that outlives it", async () => {
    const soon = new Date(Date.now() + 60_000).toISOString();
    const brief = server.client((await make(server.admin, { expires_at: soon })).json.token);
    expect(await make(brief, {})).toMatchObject({ status: 403, json: { message: expect.stringContaining(soon) } });
    expect((await make(brief, { expires_at: new Date(Date.now() + 90_000).toISOString() })).status).toBe(403);
    expect((await make(brief, { expires_at: soon })).status).toBe(201);
  });
});

describe("links of a list", () => {
  it("lead through the path of the public address", async () => {
    const { headers } = await server.admin.get("/admin/accounts?limit=1");
    expect(headers.get("link")).toContain("<http://ci.example/sub/api/v1/admin/accounts?limit=1&page=2>");
  });
});
