import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { originFor, repositoryName } from "../../../src/cli/create-repository.ts";
import { countChanges, findWorkTree, withoutCredential } from "../../../src/cli/work-tree.ts";

let root: string;
const context = { env: { PATH: process.env["PATH"] } };

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "work-tree-")));
});
afterEach(async () => await rm(root, { recursive: true }));

function git(...args: string[]): string {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example"];
  return spawnSync("git", [...who, ...args], { cwd: root, encoding: "utf8" }).stdout.trim();
}

test("outside of git there is none", async () => {
  expect(await findWorkTree(root, context)).toBeUndefined();
});

test("without a commit it says so", async () => {
  git("init", "--quiet");
  await expect(findWorkTree(root, context)).rejects.toThrow(/has no commit/);
});

test("root, commit, branch, remote and changes", async () => {
  git("init", "--quiet", "--initial-branch=main");
  git("commit", "--quiet", "--allow-empty", "-m", "first");
  await mkdir(join(root, "sub"));
  const sha = git("rev-parse", "HEAD");
  expect(await findWorkTree(join(root, "sub"), context)).toEqual({ root, sha, ref: "refs/heads/main" });
  git("remote", "add", "origin", "https://me:s3cret@git.example/me/app.git");
  git("checkout", "--quiet", "--detach");
  const tree = await findWorkTree(root, context);
  expect(tree).toEqual({ root, sha, remote: "https://git.example/me/app.git" });
  expect(await countChanges({ root, sha }, context)).toBe(0);
  await writeFile(join(root, "new"), "");
  expect(await countChanges({ root, sha }, context)).toBe(1);
});

test("an address loses its credential", () => {
  expect(withoutCredential("https://u:p@h/x")).toBe("https://h/x");
  expect(withoutCredential("git@h:x/y")).toBe("git@h:x/y");
});

test("a server on this machine gets the path, another one the remote", () => {
  const tree = { root: "/w", sha: "1", remote: "https://h/x" };
  for (const server of ["http://127.0.0.1:3000", "http://localhost:1", "http://[::1]:1"])
    expect(originFor(server, tree)).toBe("/w");
  expect(originFor("https://ci.example", tree)).toBe("https://h/x");
  expect(() => originFor("https://ci.example", { root: "/w", sha: "1" })).toThrow(/no remote "origin"/);
});

test.each([
  ["/home/me/app", "app"],
  ["/srv/app.git", "app"],
  ["/x/Mein Projekt (neu)", "Mein-Projekt-neu-"],
  ["/x/.hidden", "hidden"],
  ["/", "repository"],
])("%s is named %s", (path, name) => {
  expect(repositoryName(path)).toBe(name);
});
