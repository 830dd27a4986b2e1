import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkoutCommit } from "../../../../src/drivers/git/checkout-commit.ts";
import { type CheckoutOptions, checkoutPlan } from "../../../../src/drivers/git/checkout-plan.ts";
import { GitFixture, path, smartHttp, userGit } from "./git-fixture.ts";

let fixture: GitFixture;
let dir: string;
let first: string;
let second: string;
let server: Awaited<ReturnType<typeof smartHttp>>;

const credential = { kind: "basic", username: "x-access-token", password: "t0ken" } as const;
const { signal } = new AbortController();

beforeEach(async () => {
  fixture = await GitFixture.make();
  dir = join(fixture.folder, "work");
  first = await fixture.commit("first", { a: "1", "dir/b": "1" });
  await userGit(fixture.origin, "tag", "v1");
  second = await fixture.commit("second", { a: "2", "other/c": "1" });
  server = await smartHttp(fixture.git, fixture.folder, credential.password);
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

function options(rest: Partial<CheckoutOptions> = {}): CheckoutOptions {
  return { path, url: `${server.url}/origin`, credential, allowProtocols: ["http"], dir, ...rest };
}

async function content(file: string): Promise<string> {
  return await readFile(join(dir, file), "utf8");
}

describe("checkoutCommit", () => {
  it("checks a branch's commit out, one commit deep, and leaves no credential", async () => {
    await checkoutCommit(options({ sha: first, ref: "refs/heads/trunk" }), { signal });
    expect(await content("a")).toBe("1");
    expect(await userGit(dir, "rev-parse", "HEAD")).toBe(first);
    expect(await userGit(dir, "branch", "--show-current")).toBe("trunk");
    expect(await userGit(dir, "rev-list", "--count", "HEAD")).toBe("1");
    expect(await readFile(join(dir, ".git/config"), "utf8")).not.toMatch(/extraheader|include/i);
  });

  it("checks tags, pull requests, commits and the default branch out", async () => {
    await userGit(fixture.origin, "update-ref", "refs/pull/3/merge", second);
    await checkoutCommit(options({ ref: "refs/tags/v1" }), { signal });
    expect([await content("a"), await userGit(dir, "describe", "--tags")]).toEqual(["1", "v1"]);
    await checkoutCommit(options({ ref: "refs/pull/3/merge", sha: second }), { signal });
    expect(await content("a")).toBe("2");
    await checkoutCommit(options({ sha: first }), { signal });
    expect(await content("a")).toBe("1");
    await checkoutCommit(options(), { signal });
    expect(await content("a")).toBe("2");
  });

  it("depth 0 brings all commits, branches and tags", async () => {
    await userGit(fixture.origin, "branch", "side");
    for (const ref of ["refs/heads/trunk", "refs/tags/v1", undefined]) {
      await checkoutCommit(options({ sha: first, ref, fetchDepth: 0, dir: `${dir}-${ref?.length}` }), { signal });
    }
    const branch = `${dir}-${"refs/heads/trunk".length}`;
    expect(await userGit(branch, "rev-parse", "HEAD")).toBe(first);
    expect(await userGit(branch, "rev-list", "--count", "origin/trunk")).toBe("2");
    expect(await userGit(branch, "tag")).toBe("v1");
    expect(await userGit(branch, "branch", "-r")).toContain("origin/side");
  });

  it("cleans what was there, or keeps it", async () => {
    await checkoutCommit(options({ sha: first }), { signal });
    await writeFile(join(dir, "junk"), "");
    await writeFile(join(dir, "a"), "changed");
    await checkoutCommit(options({ sha: first, clean: false }), { signal });
    expect([await content("a"), existsSync(join(dir, "junk"))]).toEqual(["1", true]);
    await checkoutCommit(options({ sha: second }), { signal });
    expect([await content("a"), existsSync(join(dir, "junk"))]).toEqual(["2", false]);
  });

  it("checks out some folders only", async () => {
    await checkoutCommit(options({ sha: second, sparse: ["dir"] }), { signal });
    expect((await readdir(dir)).sort()).toEqual([".git", "a", "dir"]);
    await checkoutCommit(options({ sha: second }), { signal });
    expect(existsSync(join(dir, "other/c"))).toBe(true);
  });

  it("brings submodules, with the same credential", async () => {
    const library = await fixture.repository("library");
    await fixture.commit("lib", { lib: "1" }, library);
    await userGit(fixture.origin, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "lib");
    await userGit(fixture.origin, "config", "-f", ".gitmodules", "submodule.lib.url", "../library");
    const sha = await fixture.commit("with submodule", {});
    await checkoutCommit(options({ sha }), { signal });
    expect(existsSync(join(dir, "lib/lib"))).toBe(false);
    await checkoutCommit(options({ sha, submodules: "recursive" }), { signal });
    expect(await content("lib/lib")).toBe("1");
  });

  it("leaves the credential for later steps only where asked, outside of the work tree", async () => {
    const credentialFile = join(fixture.folder, "temp/git-credential");
    await checkoutCommit(options({ sha: first, credentialFile }), { signal });
    expect((await stat(credentialFile)).mode & 0o777).toBe(0o600);
    await userGit(dir, "fetch", "--quiet", "origin", "trunk");
    expect(await userGit(dir, "rev-parse", "FETCH_HEAD")).toBe(second);
    expect(() => checkoutPlan(options({ credentialFile: `${dir}/.git/x` }))).toThrow("work tree");
  });

  it("a failure says what git said, without the credential", async () => {
    const wrong = options({ credential: { ...credential, password: "wr0ng" } });
    await expect(checkoutCommit(wrong, { signal })).rejects.toMatchObject({ code: "forbidden" });
    const missing = checkoutCommit(options({ sha: "1".repeat(40), dir: `${dir}2` }), { signal });
    await expect(missing).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("1111111") });
    await expect(checkoutCommit(options(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it("puts no secret into arguments", () => {
    const plan = checkoutPlan(options({ sha: first, lfs: true, submodules: true, credentialFile: "/tmp/x" }));
    const argv = plan.actions.flatMap((action) => (action.kind === "git" ? action.argv : []));
    expect(argv.join(" ")).not.toMatch(/t0ken|eC1hY2Nlc3M/);
  });

  it("refuses names that git could take for something else", () => {
    for (const wrong of [
      { sha: "HEAD" },
      { ref: "main" },
      { ref: "refs/heads/a:b" },
      { url: "--upload-pack=x" },
      { dir: "x" },
    ]) {
      expect(() => checkoutPlan(options(wrong))).toThrow();
    }
  });
});
