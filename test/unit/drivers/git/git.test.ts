import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkoutCommit } from "../../../../src/drivers/git/checkout-commit.ts";
import { Git } from "../../../../src/drivers/git/git.ts";
import { GitFixture, path, smartHttp, userGit } from "./git-fixture.ts";

let fixture: GitFixture;
let mirror: string;

beforeEach(async () => {
  fixture = await GitFixture.make();
  mirror = join(fixture.folder, "mirror");
  await fixture.git.initBare(mirror);
});

afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const local = ["file"];
const missing = "0".repeat(40);

describe("fetchMirror", () => {
  it("takes over all refs and the default branch, and follows when they move or go", async () => {
    const { git, origin } = fixture;
    const first = await fixture.commit("first", { a: "1" });
    await userGit(origin, "branch", "gone");
    await userGit(origin, "tag", "-a", "v1", "-m", "one");
    await userGit(origin, "update-ref", "refs/pull/7/head", first);
    expect(await git.fetchMirror(mirror, { url: origin, allowProtocols: local })).toEqual({ defaultBranch: "trunk" });
    expect([...(await git.listRefs(mirror)).keys()]).toEqual([
      "refs/heads/gone",
      "refs/heads/trunk",
      "refs/pull/7/head",
      "refs/tags/v1",
    ]);
    expect(await git.resolveCommit(mirror, "HEAD")).toBe(first);

    await userGit(origin, "branch", "-D", "gone");
    await userGit(origin, "commit", "--quiet", "--amend", "-m", "rewritten");
    const second = await userGit(origin, "rev-parse", "HEAD");
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    expect(await git.resolveCommit(mirror, "trunk")).toBe(second);
    expect(await git.resolveCommit(mirror, "gone")).toBeUndefined();
    await git.repack(mirror);
    expect(await git.hasCommit(mirror, first)).toBe(true);
  });

  it("an empty repository has no default branch", async () => {
    const { git, origin } = fixture;
    expect(await git.fetchMirror(mirror, { url: origin, allowProtocols: local })).toEqual({ defaultBranch: undefined });
  });

  it("making the mirror again changes nothing", async () => {
    await fixture.commit("first", { a: "1" });
    await fixture.git.fetchMirror(mirror, { url: fixture.origin, allowProtocols: local });
    await fixture.git.initBare(mirror);
    expect((await fixture.git.listRefs(mirror)).size).toBe(1);
  });

  it("refuses a transport that is not allowed, and helpers", async () => {
    const { git, origin, folder } = fixture;
    await expect(git.fetchMirror(mirror, { url: origin, allowProtocols: ["https"] })).rejects.toMatchObject({
      code: "forbidden",
    });
    const helper = { url: `ext::touch ${folder}/pwned`, allowProtocols: ["https", "ext"] };
    await expect(git.fetchMirror(mirror, helper)).rejects.toMatchObject({ code: "invalid" });
    await expect(git.fetchMirror(mirror, { url: "--upload-pack=x", allowProtocols: local })).rejects.toMatchObject({
      code: "invalid",
    });
  });

  it("names a repository that is not there", async () => {
    const fetch = fixture.git.fetchMirror(mirror, { url: "/no/such/repo", allowProtocols: local });
    await expect(fetch).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("/no/such/repo") });
  });

  it("uses the proxy that it is given", async () => {
    const git = new Git({ path, network: { http_proxy: "http://127.0.0.1:1" } });
    const fetch = git.fetchMirror(mirror, { url: "http://example.invalid/x", allowProtocols: ["http"] });
    await expect(fetch).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("127.0.0.1 port 1"),
    });
  });

  it("gives ssh a key and trusted hosts of its own, and removes them", async () => {
    const { folder } = fixture;
    const script = `#!/bin/sh
      for word; do case $word in *UserKnownHostsFile=*) hosts=\${word#*=};; */key) key=$word;; esac; done
      stat -c %a "$key" > ${folder}/seen; cat "$key" "$hosts" >> ${folder}/seen; echo "$key" "$@" >> ${folder}/seen
      echo "git@h: Permission denied (publickey)." >&2; exit 255`;
    await writeFile(join(folder, "ssh"), script, { mode: 0o755 });
    const git = new Git({ path: `${folder}:${path}` });
    const credential = { kind: "ssh", privateKey: "THE KEY", knownHosts: "h ssh-ed25519 AAAA\n" } as const;
    const fetch = git.fetchMirror(mirror, { url: "ssh://git@h/o/r.git", credential, allowProtocols: ["ssh"] });
    await expect(fetch).rejects.toMatchObject({ code: "forbidden" });
    const [mode, key, hosts, call = ""] = (await readFile(join(folder, "seen"), "utf8")).split("\n");
    expect([mode, key, hosts]).toEqual(["600", "THE KEY", "h ssh-ed25519 AAAA"]);
    expect(call).toContain("StrictHostKeyChecking=yes");
    expect(existsSync(call.split(" ")[0] ?? "")).toBe(false);
  });

  it("binds ssh to the addresses that were judged, and asks for the keys of the name", async () => {
    const { folder } = fixture;
    await writeFile(join(folder, "ssh"), `#!/bin/sh\necho "$@" >> ${folder}/seen; exit 255`, { mode: 0o755 });
    const git = new Git({ path: `${folder}:${path}` });
    const addresses = ["2001:db8::7", "192.0.2.7"];
    for (const url of ["ssh://git@Git.Example/r", "ssh://git@git.example:2222/r"])
      await git.fetchMirror(mirror, { url, addresses, allowProtocols: ["ssh"] }).catch(() => undefined);
    const calls = (await readFile(join(folder, "seen"), "utf8")).trim().split("\n");
    expect(calls[0]).toContain("-oHostName=192.0.2.7 -oHostKeyAlias=git.example ");
    expect(calls[1]).toContain("-oHostName=192.0.2.7 -oHostKeyAlias=[git.example]:2222 ");
    const odd = { url: "ssh://git@a'b/r", addresses, allowProtocols: ["ssh"] };
    await expect(git.fetchMirror(mirror, odd)).rejects.toMatchObject({ code: "invalid" });
  });

  it("is cancelled by its signal", async () => {
    const fetch = fixture.git.fetchMirror(
      mirror,
      { url: fixture.origin, allowProtocols: local },
      { signal: AbortSignal.abort() },
    );
    await expect(fetch).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("smart HTTP", () => {
  it("goes to the addresses that were judged, whatever the name service says now", async () => {
    const { git, origin, folder } = fixture;
    await fixture.commit("first", { a: "1" });
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    await using server = await smartHttp(git, folder, "s3cret/pass");
    const second = join(folder, "second");
    await git.initBare(second);
    const url = `${server.url.replace("127.0.0.1", "git.invalid")}/mirror`;
    const credential = { kind: "basic", username: "x-access-token", password: "s3cret/pass" } as const;
    const remote = { url, credential, allowProtocols: ["http"] };
    await expect(git.fetchMirror(second, remote)).rejects.toMatchObject({ code: "unavailable" });
    expect(await git.fetchMirror(second, { ...remote, addresses: ["127.0.0.1"] })).toEqual({ defaultBranch: "trunk" });
  });

  it("serves a fetch to who has the password, and tells nobody the password", async () => {
    const { git, origin, folder } = fixture;
    const sha = await fixture.commit("first", { a: "1" });
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    await using server = await smartHttp(git, folder, "s3cret/pass");
    const second = join(folder, "second");
    await git.initBare(second);
    const remote = { url: `${server.url}/mirror`, allowProtocols: ["http"] };
    const credential = { kind: "basic", username: "x-access-token", password: "s3cret/pass" } as const;
    expect(await git.fetchMirror(second, { ...remote, credential })).toEqual({ defaultBranch: "trunk" });
    expect(await git.resolveCommit(second, "refs/heads/trunk")).toBe(sha);

    const wrong = { ...credential, password: "wr0ng-pass" };
    const refused: Error = await git.fetchMirror(second, { ...remote, credential: wrong }).then(
      () => new Error("none"),
      (error) => error,
    );
    expect(refused).toMatchObject({ code: "forbidden" });
    expect(`${refused.message} ${String(refused.cause)}`).not.toContain("wr0ng");
    const inUrl = { ...remote, url: remote.url.replace("http://", "http://u:hidd3n@") };
    const leaky: Error = await git.fetchMirror(second, inUrl).then(
      () => new Error("none"),
      (error) => error,
    );
    expect(leaky.message).not.toContain("hidd3n");
  });

  it("gives out a commit that no ref reaches any more", async () => {
    const { git, origin, folder } = fixture;
    const lost = await fixture.commit("lost", { a: "1" });
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    await userGit(origin, "commit", "--quiet", "--amend", "-m", "new");
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    await using server = await smartHttp(git, folder, "pw");
    const clone = await fixture.repository("clone");
    const url = `${server.url.replace("http://", "http://x-access-token:pw@")}/mirror`;
    await userGit(clone, "fetch", "--quiet", "--depth=1", url, lost);
    expect(await userGit(clone, "rev-parse", "FETCH_HEAD")).toBe(lost);
  });

  it("upload-pack of a folder that is no repository fails with git's words", async () => {
    await using pack = fixture.git.uploadPack(join(fixture.folder, "nothing"), {
      advertise: true,
      signal: new AbortController().signal,
    });
    pack.output.resume();
    await expect(pack.done).rejects.toMatchObject({ code: "not_found" });
  });

  it("upload-pack ends with its signal", async () => {
    await fixture.commit("first", { a: "1" });
    await fixture.git.fetchMirror(mirror, { url: fixture.origin, allowProtocols: local });
    const stop = new AbortController();
    await using pack = fixture.git.uploadPack(mirror, { signal: stop.signal });
    pack.output.resume();
    stop.abort();
    await expect(pack.done).rejects.toThrow();
  });
});

describe("reading a commit", () => {
  it("resolves branches, tags, refs and ids, and nothing else", async () => {
    const { git, origin } = fixture;
    const sha = await fixture.commit("first", { a: "1" });
    await userGit(origin, "tag", "-a", "v1", "-m", "annotated");
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    for (const ref of ["trunk", "v1", "refs/tags/v1", sha, sha.slice(0, 10)]) {
      expect(await git.resolveCommit(mirror, ref)).toBe(sha);
    }
    for (const ref of ["none", "--all", "trunk:a", "trunk..v1", ":/first", "trunk^", "trunk~0", "a b", "", missing]) {
      expect(await git.resolveCommit(mirror, ref)).toBeUndefined();
    }
    expect(await git.hasCommit(mirror, sha)).toBe(true);
    expect(await git.hasCommit(mirror, missing)).toBe(false);
    await expect(git.hasCommit(mirror, "trunk")).rejects.toMatchObject({ code: "invalid" });
  });

  it("reads files and lists folders", async () => {
    const { git, origin } = fixture;
    await symlink("a.yml", join(origin, "link"));
    const sha = await fixture.commit("files", {
      "a.yml": "on: push\n",
      ".gitea/workflows/b.yml": "b",
      '.gitea/workflows/ü "q".yml': "cc",
      ".gitea/workflows/deep/d.yml": "d",
      big: "x".repeat(3_000_000),
    });
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    const read = (path: string, maxBytes = 1000) => git.readFileAt(mirror, sha, path, { maxBytes });
    expect(String(await read("a.yml"))).toBe("on: push\n");
    expect(String(await read("link"))).toBe("a.yml");
    expect(String(await read('.gitea/workflows/ü "q".yml'))).toBe("cc");
    expect(await read("none")).toBeUndefined();
    expect(await read(".gitea")).toBeUndefined();
    await expect(read("big")).rejects.toMatchObject({ code: "exhausted" });
    expect((await read("big", 3_000_000))?.length).toBe(3_000_000);

    expect(await git.listFilesAt(mirror, sha, ".gitea/workflows")).toEqual([
      { path: ".gitea/workflows/b.yml", sizeBytes: 1, mode: "100644" },
      { path: '.gitea/workflows/ü "q".yml', sizeBytes: 2, mode: "100644" },
    ]);
    expect((await git.listFilesAt(mirror, sha, "")).map(({ path }) => path)).toEqual(["a.yml", "big", "link"]);
    expect((await git.listFilesAt(mirror, sha, ".gitea", { recursive: true })).length).toBe(3);
    expect(await git.listFilesAt(mirror, sha, "no/such")).toEqual([]);
  });

  it("tells who made a commit, and what changed", async () => {
    const { git, origin } = fixture;
    const first = await fixture.commit("first", { a: "1", b: "1" });
    const second = await fixture.commit("Größer: zwei\n\nmore words", { a: "2", "c/d": "x" });
    await git.fetchMirror(mirror, { url: origin, allowProtocols: local });
    expect(await git.commitInfo(mirror, second)).toEqual({
      sha: second,
      authorName: "Ada Löve",
      authorEmail: "ada@example.org",
      authoredAt: Date.parse("2026-01-02T03:04:05Z"),
      committedAt: Date.parse("2026-02-03T04:05:06Z"),
      subject: "Größer: zwei",
      message: "Größer: zwei\n\nmore words",
      parents: [first],
    });
    expect(await git.changedPaths(mirror, first, second)).toEqual(["a", "c/d"]);
    await expect(git.commitInfo(mirror, missing)).rejects.toMatchObject({ code: "not_found" });
  });

  it("looks names up at the remote", async () => {
    const { git, origin } = fixture;
    const sha = await fixture.commit("first", { a: "1" });
    await userGit(origin, "tag", "-a", "v1", "-m", "annotated");
    const remote = { url: origin, allowProtocols: local };
    expect(await git.lsRemote(remote, "v1")).toEqual({ ref: "refs/tags/v1", sha });
    expect(await git.lsRemote(remote, "trunk")).toEqual({ ref: "refs/heads/trunk", sha });
    expect(await git.lsRemote(remote, "HEAD")).toEqual({ ref: "HEAD", sha });
    expect(await git.lsRemote(remote, "runk")).toBeUndefined();
  });

  it("takes a certificate that nobody signed only where that is asked for, also in a checkout", async () => {
    const { git, folder } = fixture;
    const sha = await fixture.commit("first", { a: "1" });
    await using server = await smartHttp(git, folder, "secret", await selfSigned(folder));
    const credential = { kind: "basic", username: "x-access-token", password: "secret" } as const;
    const remote = { url: `${server.url}/origin`, credential, allowProtocols: ["https"] };
    await expect(git.lsRemote(remote, "trunk")).rejects.toThrow(/certificate|SSL|TLS/i);
    expect((await git.lsRemote({ ...remote, insecure: true }, "trunk"))?.sha).toBe(sha);
    const options = { signal: new AbortController().signal };
    const checkout = { path, url: remote.url, credential, dir: join(folder, "tree"), sha };
    await expect(checkoutCommit(checkout, options)).rejects.toThrow(/certificate|SSL|TLS/i);
    await checkoutCommit({ ...checkout, insecure: true }, options);
    expect(await readFile(join(folder, "tree", "a"), "utf8")).toBe("1");
  });
});

/** A certificate for this machine that no authority knows. */
async function selfSigned(folder: string): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
  const how = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await promisify(execFile)("openssl", ["req", ...how, ...subject, "-keyout", key, "-out", cert]);
  return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
}
