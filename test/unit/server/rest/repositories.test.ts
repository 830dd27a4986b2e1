import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitRepository, gitRepository } from "../../../support/git-repository.ts";
import { type TestClient, type TestServer, testServer } from "../../../support/test-server.ts";

const run = promisify(execFile);
let server: TestServer;
let origin: GitRepository;
let admin: TestClient;
let writer: TestClient;

beforeAll(async () => {
  origin = await gitRepository({ "hello.txt": "hello\n" });
  server = await testServer({ repoRoot: origin.root, allowPrivateAddresses: false });
  admin = server.admin;
  await admin.post("/admin/users", { username: "olga" });
  writer = server.client((await admin.post("/users/olga/tokens", { name: "t", access: "write" })).json.token);
  const made = await admin.post("/admin/users/olga/repos", { name: "local", clone_url: origin.path });
  expect([made.status, made.text]).toEqual([201, expect.any(String)]);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

describe("making a repository", () => {
  it("tells all that there is to know, without a credential", async () => {
    const body = {
      name: "remote",
      clone_url: "https://192.0.2.1/a.git",
      default_branch: "trunk",
      credential: { username: "u", password: "s3cret" },
    };
    // Documentation addresses count as public.
    const made = await writer.post("/user/repos", body);
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      full_name: "olga/remote",
      clone_url: body.clone_url,
      mirror_url: `${server.url}/olga/remote.git`,
      default_branch: "trunk",
      owner: { login: "olga" },
    });
    expect(made.text).not.toContain("s3cret");
    expect((await writer.get("/repos/OLGA/Remote")).json.id).toBe(made.json.id);
    expect((await writer.post("/user/repos", body)).status).toBe(409);
    expect((await writer.patch("/repos/olga/remote", { default_branch: "main" })).json.default_branch).toBe("main");
    const noBranch = await writer.patch("/repos/olga/remote", { default_branch: "--upload-pack=x" });
    expect([noBranch.status, noBranch.json.message]).toEqual([
      422,
      expect.stringContaining("not the name of a branch"),
    ]);
    expect((await writer.delete("/repos/olga/remote")).status).toBe(204);
    expect((await writer.get("/repos/olga/remote")).status).toBe(404);
  });

  it("finds the default branch by itself and makes the owner on demand", async () => {
    await using other = await gitRepository({ "a.txt": "a" });
    await other.git("branch", "-m", "trunk");
    await using second = await testServer({ repoRoot: other.root });
    const made = await second.admin.post("/admin/users/newcomer/repos", { name: "x", clone_url: other.path });
    expect(made.json).toMatchObject({ full_name: "newcomer/x", default_branch: "trunk" });
    expect((await second.admin.get("/repos/search")).json.data).toHaveLength(1);
  });

  it("refuses a repository that is not there, and leaves nothing behind", async () => {
    const { status, json } = await admin.post("/admin/users/olga/repos", {
      name: "none",
      clone_url: `${origin.root}/none`,
    });
    expect([status, json.message]).toEqual([422, expect.stringContaining("there is no")]);
    const empty = await admin.post("/admin/users/olga/repos", { name: "none", clone_url: origin.root });
    expect([empty.status, empty.json.message]).toEqual([422, expect.stringContaining("cannot be fetched")]);
    expect((await admin.get("/repos/olga/none")).status).toBe(404);
  });

  it("refuses local paths to all but administrators, and paths and links out of the root", async () => {
    expect((await writer.post("/user/repos", { name: "x", clone_url: origin.path })).status).toBe(403);
    expect((await admin.post("/admin/users/olga/repos", { name: "x", clone_url: "/etc" })).status).toBe(422);
    await symlink("/etc", join(origin.root, "link"));
    const linked = await admin.post("/admin/users/olga/repos", { name: "x", clone_url: join(origin.root, "link") });
    expect([linked.status, linked.json.message]).toEqual([422, expect.stringContaining("--repo-root")]);
    const up = await admin.post("/admin/users/olga/repos", { name: "x", clone_url: `${origin.root}/../..` });
    expect(up.status).toBe(422);
  });

  it("refuses private addresses, other protocols and credentials in the address", async () => {
    for (const url of [
      "https://127.0.0.1/a",
      "https://localhost/a",
      "git://example.com/a",
      "https://u:p@example.com/a",
      "ext::id",
    ]) {
      expect([url, (await writer.post("/user/repos", { name: "x", clone_url: url })).status]).toEqual([url, 422]);
    }
  });

  it("refuses a credential of the wrong kind", async () => {
    const ssh = { name: "x", clone_url: "ssh://git@192.0.2.1/a", default_branch: "main" };
    expect((await writer.post("/user/repos", { ...ssh, credential: { password: "x" } })).status).toBe(422);
    expect((await writer.post("/user/repos", { ...ssh, credential: { private_key: "k" } })).json.message).toContain(
      "known_hosts",
    );
    expect((await writer.post("/user/repos", { ...ssh, credential: {} })).status).toBe(422);
  });

  it("refuses names that git or paths could not hold", async () => {
    for (const name of ["", "a/b", "x.git", "..", "-x"]) {
      const { status } = await writer.post("/user/repos", {
        name,
        clone_url: "https://192.0.2.1/a",
        default_branch: "m",
      });
      expect([name, status]).toEqual([name, 422]);
    }
  });
});

describe("git over HTTP", () => {
  const clone = async (password: string, path = "olga/local", ...options: string[]) => {
    const target = await mkdtemp(join(tmpdir(), "clone-"));
    const url = `${server.url.replace("//", `//x:${password}@`)}/${path}`;
    try {
      await run("git", [...options, "clone", "--quiet", url, join(target, "work")], {
        env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
      });
      return await readFile(join(target, "work/hello.txt"), "utf8");
    } finally {
      await rm(target, { recursive: true, force: true });
    }
  };

  it("clones with a token that may read, in every version of the protocol, with and without .git", async () => {
    expect(await clone(writer.token)).toBe("hello\n");
    expect(await clone(writer.token, "olga/local.git", "-c", "protocol.version=0")).toBe("hello\n");
    expect(await clone(writer.token, "olga/local.git", "-c", "protocol.version=1")).toBe("hello\n");
  });

  it("refuses other tokens, other repositories and pushes", async () => {
    await expect(clone("wrong")).rejects.toThrow(/Authentication failed/);
    await expect(clone(writer.token, "olga/none")).rejects.toThrow(/not found/);
    expect(
      (await fetch(`${server.url}/olga/local/info/refs?service=git-upload-pack`)).headers.get("www-authenticate"),
    ).toContain("Basic");
    const push = await fetch(`${server.url}/olga/local/info/refs?service=git-receive-pack`, {
      headers: { authorization: `Bearer ${writer.token}` },
    });
    expect([push.status, await push.text()]).toEqual([403, expect.stringContaining("read-only")]);
    expect((await fetch(`${server.url}/olga/local/git-receive-pack`, { method: "POST" })).status).toBe(403);
    expect(
      (await fetch(`${server.url}/olga/local/info/refs`, { headers: { authorization: `Bearer ${writer.token}` } }))
        .status,
    ).toBe(403);
    await admin.post("/admin/users", { username: "sam" });
    const stranger = (await admin.post("/users/sam/tokens", { name: "t", access: "write" })).json.token;
    await expect(clone(stranger)).rejects.toThrow(/not found/);
  });

  it("takes bodies packed with gzip", async () => {
    const body = gzipSync(Buffer.from("0014command=ls-refs\n0000"));
    const answer = await fetch(`${server.url}/olga/local/git-upload-pack`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${writer.token}`,
        "content-type": "application/x-git-upload-pack-request",
        "content-encoding": "gzip",
        "git-protocol": "version=2",
      },
      body,
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("refs/heads/main")]);
  });

  it("goes with the repository", async () => {
    const made = await admin.post("/admin/users/olga/repos", { name: "brief", clone_url: origin.path });
    expect(await clone(writer.token, "olga/brief")).toBe("hello\n");
    expect((await writer.delete("/repos/olga/brief")).status).toBe(204);
    await expect(clone(writer.token, "olga/brief")).rejects.toThrow(/not found/);
    await expect(readFile(join(server.dataDir, `repositories/${made.json.id}.git/HEAD`))).rejects.toThrow("ENOENT");
  });
});
