import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptedRunner } from "../../../support/scripted-runner.ts";
import { type TestClient, type TestServer, testServer } from "../../../support/test-server.ts";

let server: TestServer;
let admin: TestClient;
/** Owner of `acme`, by a token that reaches it. */
let owner: TestClient;
/** A user who has nothing to do with `acme`. */
let stranger: TestClient;

beforeAll(async () => {
  server = await testServer();
  admin = server.admin;
  for (const username of ["olga", "sam"]) expect((await admin.post("/admin/users", { username })).status).toBe(201);
  expect((await admin.post("/orgs", { username: "acme" })).status).toBe(201);
  expect((await admin.put("/orgs/acme/members/olga", { role: "owner" })).status).toBe(200);
  owner = server.client(await tokenOf("olga", { owner: "acme", access: "write" }));
  stranger = server.client(await tokenOf("sam", { access: "write" }));
  const repository = { name: "tools", clone_url: "https://git.example.com/tools.git", default_branch: "main" };
  expect((await owner.post("/orgs/acme/repos", repository)).status).toBe(201);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function tokenOf(username: string, body: object): Promise<string> {
  const made = await admin.post(`/users/${username}/tokens`, { name: "test", grant: "owner", ...body });
  expect(made.status).toBe(201);
  return made.json.token;
}

describe("who calls", () => {
  it("needs a token, in either of two forms", async () => {
    expect((await server.client().get("/user")).status).toBe(401);
    expect((await server.client("nobody").get("/user")).status).toBe(401);
    const other = await server.client().request("GET", "/user", undefined, { authorization: `token ${admin.token}` });
    expect(other.json).toMatchObject({ login: "admin", is_admin: true });
    const basic = await server.client().request("GET", "/user", undefined, { authorization: "Basic eDp5" });
    expect([basic.status, basic.json.message]).toEqual([401, expect.stringContaining("Authorization")]);
  });

  it("tells everybody its version and its description", async () => {
    expect((await server.client().get("/version")).status).toBe(200);
    const { json, status } = await server.client().get("/openapi.json");
    expect(status).toBe(200);
    const paths = Object.keys(json.paths);
    for (const path of ["/repos/{owner}/{repo}/actions/runs/{run}", "/runs", "/admin/actions/runners/{runner_id}"]) {
      expect(paths).toContain(`/api/v1${path}`);
    }
  });
});

describe("refusals", () => {
  it("have one sentence and the address of the description", async () => {
    const { status, json } = await admin.get("/nowhere");
    expect(status).toBe(404);
    expect(json).toEqual({
      message: expect.stringContaining("/api/v1/nowhere"),
      url: `${server.url}/api/v1/openapi.json`,
    });
  });

  it("name unknown keys with the nearest known one", async () => {
    const { status, json } = await admin.post("/admin/users", { usrname: "x" });
    expect(status).toBe(422);
    expect(json.message).toContain("unknown key usrname, did you mean username?");
  });

  it("name unknown keys of what lies deeper", async () => {
    const body = { name: "x", clone_url: "https://git.example.com/x", credential: { pasword: "secret-value" } };
    const { status, json } = await admin.post("/user/repos", body);
    expect(status).toBe(422);
    expect(json.message).toContain("unknown key credential.pasword, did you mean password?");
    expect(json.message).not.toContain("secret-value");
  });

  it("tell malformed JSON, other media types, and bodies that are too large apart", async () => {
    expect((await admin.request("POST", "/admin/users", "{")).status).toBe(400);
    expect((await admin.request("POST", "/admin/users", "x", { "content-type": "text/plain" })).status).toBe(415);
    expect((await admin.request("POST", "/admin/users", `"${"x".repeat(2 * 1024 * 1024)}"`)).status).toBe(413);
    expect((await admin.request("POST", "/admin/users", '{"__proto__":{"x":1}}')).status).toBe(400);
  });

  it("refuse a page that is no number with 400", async () => {
    expect((await admin.get("/admin/accounts?page=zero")).status).toBe(400);
  });
});

describe("accounts", () => {
  it("are made by administrators only, with names that a path can hold", async () => {
    expect((await owner.post("/admin/users", { username: "eve" })).status).toBe(403);
    expect((await owner.post("/orgs", { username: "evil" })).status).toBe(403);
    expect((await admin.post("/admin/users", { username: "OLGA" })).status).toBe(409);
    for (const username of ["", "a/b", "../x", "-x", "api", "runner.v1.RunnerService", "x".repeat(65)]) {
      expect([username, (await admin.post("/admin/users", { username })).status]).toEqual([username, 422]);
    }
  });

  it("are found whatever the case, by those who may know of them", async () => {
    expect((await owner.get("/orgs/ACME")).json).toMatchObject({ login: "acme", kind: "org" });
    expect((await stranger.get("/orgs/acme")).status).toBe(404);
    expect((await stranger.get("/orgs/acme")).json.message).toBe((await stranger.get("/orgs/acme")).json.message);
    expect((await admin.get("/users/olga")).json).toMatchObject({ kind: "user" });
  });

  it("hide what does not exist and what may not be known behind one answer", async () => {
    const hidden = (await stranger.get("/orgs/acme")).json.message.replace("acme", "X");
    const missing = (await stranger.get("/orgs/void")).json.message.replace("void", "X");
    expect(hidden).toBe(missing);
  });

  it("have members", async () => {
    expect((await owner.get("/orgs/acme/members/olga")).json).toMatchObject({ role: "owner" });
    expect((await owner.get("/orgs/acme/members/sam")).status).toBe(404);
    expect((await stranger.put("/orgs/acme/members/sam", { role: "owner" })).status).toBe(404);
    expect((await owner.put("/orgs/acme/members/sam", { role: "boss" })).status).toBe(422);
    expect((await owner.put("/orgs/acme/members/sam", { role: "read" })).status).toBe(200);
    const reader = server.client(await tokenOf("sam", { owner: "acme", access: "write" }));
    expect((await reader.get("/repos/acme/tools")).status).toBe(200);
    expect((await reader.delete("/repos/acme/tools")).status).toBe(403);
    expect((await owner.delete("/orgs/acme/members/sam")).status).toBe(204);
    expect((await reader.get("/repos/acme/tools")).status).toBe(404);
  });

  it("are deleted when they are empty", async () => {
    expect((await admin.delete("/orgs/acme")).status).toBe(409);
    expect((await admin.post("/orgs", { username: "brief" })).status).toBe(201);
    expect((await admin.delete("/orgs/olga")).status).toBe(422);
    const runner = (await admin.post("/orgs/brief/actions/runners", { name: "gone with it" })).json;
    expect((await admin.delete("/orgs/brief")).status).toBe(204);
    expect((await admin.get(`/admin/actions/runners/${runner.id}`)).status).toBe(404);
    expect((await admin.get("/orgs/brief")).status).toBe(404);
    expect((await admin.delete("/admin/users/admin")).status).toBe(409);
  });

  it("are listed in pages with their total", async () => {
    const { headers, json } = await admin.get("/admin/accounts?limit=1&page=2");
    expect(json).toHaveLength(1);
    expect(Number(headers.get("x-total-count"))).toBeGreaterThanOrEqual(4);
    expect(headers.get("link")).toContain('rel="next"');
    expect((await admin.get("/admin/accounts?limit=1000")).status).toBe(200);
    expect((await owner.get("/admin/accounts")).status).toBe(403);
  });
});

describe("API tokens", () => {
  it("are shown once", async () => {
    const made = await admin.post("/users/olga/tokens", { name: "once", access: "read" });
    expect(made.json.token).toMatch(/^[0-9a-f]{40}$/);
    const { text } = await admin.get("/users/olga/tokens");
    expect(text).toContain('"once"');
    expect(text).not.toContain(made.json.token);
  });

  it("that may only read change nothing", async () => {
    const reader = server.client(await tokenOf("olga", { owner: "acme", access: "read" }));
    expect((await reader.get("/repos/acme/tools")).status).toBe(200);
    expect((await reader.delete("/repos/acme/tools")).status).toBe(403);
    expect((await reader.get("/orgs/acme/actions/runners/registration-token")).status).toBe(403);
  });

  it("never reach further than the one that made them", async () => {
    const own = server.client(await tokenOf("olga", { access: "write" }));
    expect((await own.post("/users/olga/tokens", { name: "x", grant: "admin" })).status).toBe(403);
    expect((await own.post("/users/olga/tokens", { name: "x", owner: "acme" })).status).toBe(404);
    expect((await own.post("/users/olga/tokens", { name: "x", access: "write" })).status).toBe(201);
    expect((await own.post("/users/sam/tokens", { name: "x" })).status).toBe(404);
    const reader = server.client(await tokenOf("olga", { access: "read" }));
    expect((await reader.post("/users/olga/tokens", { name: "x", access: "write" })).status).toBe(403);
  });

  it("expire and can be deleted", async () => {
    expect((await admin.post("/users/olga/tokens", { name: "x", expires_at: "2001-01-01T00:00:00Z" })).status).toBe(
      422,
    );
    const made = await admin.post("/users/olga/tokens", { name: "short", access: "read" });
    const short = server.client(made.json.token);
    expect((await short.get("/user")).status).toBe(200);
    expect((await admin.delete(`/users/sam/tokens/${made.json.id}`)).status).toBe(404);
    expect((await admin.delete(`/users/olga/tokens/${made.json.id}`)).status).toBe(204);
    expect((await short.get("/user")).status).toBe(401);
  });

  it("for one repository reach only that", async () => {
    const token = await tokenOf("olga", { grant: "repository", repository: "acme/tools", access: "write" });
    const one = server.client(token);
    expect((await one.get("/repos/acme/tools")).status).toBe(200);
    expect((await one.get("/orgs/acme")).status).toBe(404);
    expect((await one.get("/repos/search")).json.data).toHaveLength(1);
    expect((await one.get("/user/actions/variables")).status).toBe(403);
  });
});

describe("runners and registration tokens", () => {
  const scopes = () =>
    [
      ["/admin/actions", admin],
      ["/orgs/acme/actions", owner],
      ["/user/actions", stranger],
      ["/repos/acme/tools/actions", owner],
    ] as const;

  it("have a registration token per scope that lasts until it is reset", async () => {
    const seen = new Set<string>();
    for (const [path, client] of scopes()) {
      const first = (await client.get(`${path}/runners/registration-token`)).json.token;
      expect(first).toMatch(/^[0-9a-f]{40}$/);
      expect((await client.post(`${path}/runners/registration-token`)).json.token).toBe(first);
      const second = (await client.post(`${path}/runners/registration-token/reset`)).json.token;
      expect(second).not.toBe(first);
      seen.add(second);
    }
    expect(seen.size).toBe(4);
    expect((await admin.get("/admin/runners/registration-token")).status).toBe(200);
  });

  it("have tokens with limits, which end with their last use", async () => {
    const path = "/user/actions/runners/registration-tokens";
    const made = await stranger.post(path, { uses: 1, cidrs: ["127.0.0.0/8"], expires_at: "2999-01-01T00:00:00Z" });
    expect(made).toMatchObject({
      status: 201,
      json: { uses: 1, cidrs: ["127.0.0.0/8"], expires_at: expect.stringContaining("2999-01-01") },
    });
    await scriptedRunner(server.url, made.json.token);
    await expect(scriptedRunner(server.url, made.json.token)).rejects.toThrow(/used up/);
    const elsewhere = await stranger.post(path, { cidrs: ["192.0.2.0/24"] });
    await expect(scriptedRunner(server.url, elsewhere.json.token)).rejects.toThrow(/address/);
    expect(await stranger.post(path, { expires_at: "2001-01-01T00:00:00Z" })).toMatchObject({ status: 422 });
    expect((await stranger.post(path, { cidrs: ["everywhere"] })).status).toBe(422);
    expect((await owner.post("/admin/actions/runners/registration-tokens", { uses: 1 })).status).toBe(403);
  });

  it("are hidden from those who may not know of the scope", async () => {
    expect((await owner.get("/admin/actions/runners")).status).toBe(403);
    expect((await stranger.get("/orgs/acme/actions/runners")).status).toBe(404);
    expect((await stranger.get("/repos/acme/tools/actions/runners/registration-token")).status).toBe(404);
  });

  it("are made, read, changed and deleted in every scope", async () => {
    for (const [path, client] of scopes()) {
      const made = await client.post(`${path}/runners`, {
        name: "builder",
        description: "d",
        labels: ["linux", "x64"],
      });
      expect([path, made.status]).toEqual([path, 201]);
      const url = `${path}/runners/${made.json.id}`;
      expect((await client.get(url)).json).toMatchObject({
        id: made.json.id,
        uuid: made.json.uuid,
        name: "builder",
        description: "d",
        status: "offline",
        state: "offline",
        busy: false,
        disabled: false,
        ephemeral: false,
        labels: [
          { id: 0, name: "linux", type: "custom" },
          { id: 1, name: "x64", type: "custom" },
        ],
      });
      expect((await client.patch(url, { disabled: true, labels: ["arm64"] })).json).toMatchObject({
        disabled: true,
        labels: [{ name: "arm64" }],
      });
      expect(
        (await client.get(`${path}/runners?disabled=true`)).json.runners.map((one: { id: number }) => one.id),
      ).toContain(made.json.id);
      expect(
        (await client.get(`${path}/runners?disabled=false`)).json.runners.map((one: { id: number }) => one.id),
      ).not.toContain(made.json.id);
      expect((await client.patch(url, {})).status).toBe(422);
      expect((await client.patch(url, { disabled: "yes" })).status).toBe(422);
      expect((await client.delete(url)).status).toBe(204);
      expect((await client.get(url)).status).toBe(404);
      expect((await client.delete(url)).status).toBe(404);
    }
  });

  it("of another scope do not exist, but administrators see all", async () => {
    const { json } = await owner.post("/orgs/acme/actions/runners", { name: "shared" });
    expect((await owner.get(`/repos/acme/tools/actions/runners/${json.id}`)).status).toBe(404);
    expect((await admin.get(`/admin/actions/runners/${json.id}`)).status).toBe(200);
    const own = await owner.get("/repos/acme/tools/actions/runners");
    expect(own.json.total_count).toBe(0);
    const visible = await owner.get("/repos/acme/tools/actions/runners?visible=true");
    expect(visible.json.runners.map((one: { name: string }) => one.name)).toEqual(["shared"]);
    expect(visible.headers.get("x-total-count")).toBe("1");
    expect((await admin.get("/admin/actions/runners/zero")).status).toBe(400);
  });
});

describe("secrets and variables", () => {
  it("keep the values of secrets to themselves", async () => {
    for (const [path, client] of [
      ["/orgs/acme/actions", owner],
      ["/user/actions", stranger],
      ["/repos/acme/tools/actions", owner],
    ] as const) {
      expect((await client.put(`${path}/secrets/deploy_key`, { data: "s3cret-value", description: "d" })).status).toBe(
        201,
      );
      expect((await client.put(`${path}/secrets/DEPLOY_KEY`, { data: "other" })).status).toBe(204);
      const list = await client.get(`${path}/secrets`);
      expect(list.json).toEqual([
        { name: "DEPLOY_KEY", description: expect.any(String), created_at: expect.any(String) },
      ]);
      expect(list.text).not.toContain("s3cret");
      expect((await client.delete(`${path}/secrets/deploy_key`)).status).toBe(204);
      expect((await client.delete(`${path}/secrets/deploy_key`)).status).toBe(404);
    }
  });

  it("refuse names that jobs could not use", async () => {
    for (const name of ["1st", "a-b", "GITHUB_TOKEN", "gitea_x"]) {
      expect([name, (await owner.put(`/orgs/acme/actions/secrets/${name}`, { data: "x" })).status]).toEqual([
        name,
        422,
      ]);
    }
    expect((await owner.put("/orgs/acme/actions/secrets/EMPTY", { data: "" })).status).toBe(422);
    expect((await stranger.get("/orgs/acme/actions/secrets")).status).toBe(404);
  });

  it("make, change, rename and delete variables in every scope", async () => {
    for (const [path, client] of [
      ["/admin/actions", admin],
      ["/orgs/acme/actions", owner],
      ["/user/actions", stranger],
      ["/repos/acme/tools/actions", owner],
    ] as const) {
      const url = `${path}/variables/color`;
      expect((await client.post(url, { value: "red" })).status).toBe(201);
      expect((await client.post(url, { value: "red" })).status).toBe(409);
      expect((await client.get(url)).json).toMatchObject({ name: "COLOR", data: "red" });
      expect((await client.put(url, { value: "blue", name: "colour" })).status).toBe(204);
      expect((await client.get(url)).status).toBe(404);
      expect((await client.get(`${path}/variables`)).json).toMatchObject([{ name: "COLOUR", data: "blue" }]);
      expect((await client.put(`${path}/variables/none`, { value: "x" })).status).toBe(404);
      expect((await client.delete(`${path}/variables/colour`)).status).toBe(204);
    }
  });
});
