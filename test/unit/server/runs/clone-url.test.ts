import { describe, expect, it } from "vitest";
import {
  type ClonePolicy,
  checkAddresses,
  checkLocalPath,
  isPrivateAddress,
  parseCloneUrl,
} from "../../../../src/server/services/clone-url.ts";

const strict: ClonePolicy = { repoRoot: null, allowPrivateAddresses: false, allowHttp: false };

describe("parseCloneUrl", () => {
  it.each([
    ["https://git.example.com/a/b.git", { kind: "https", host: "git.example.com" }],
    ["ssh://git@git.example.com:2222/a/b", { kind: "ssh", host: "git.example.com" }],
    ["git@git.example.com:a/b.git", { kind: "ssh", host: "git.example.com", url: "ssh://git@git.example.com/a/b.git" }],
    ["https://[2001:db8::1]/a", { kind: "https", host: "2001:db8::1" }],
    ["/srv/git/a.git", { kind: "local", path: "/srv/git/a.git" }],
  ])("takes %s", (text, expected) => {
    expect(parseCloneUrl(text, strict)).toMatchObject(expected);
  });

  it.each([
    ["", "empty"],
    ["http://git.example.com/a", "without encryption"],
    ["git://git.example.com/a", "protocol git"],
    ["ftp://git.example.com/a", "protocol ftp"],
    ["file:///srv/git", "absolute path"],
    ["ext::sh -c id", "space"],
    ["ext::sh", "remote helper ext"],
    ["--upload-pack=id", "dash"],
    ["ssh://-oProxyCommand=id/x", "dash"],
    ["ssh://-x@host/a", "dash"],
    ["ssh://%2DoProxyCommand=id/x", "dash"],
    ["ssh://%2dx@host/a", "dash"],
    ["ssh://git@%zz/a", "character"],
    ["ssh://git@a'b/a", "character"],
    ["ssh://git@a$(id)/a", "character"],
    ["https://user:secret@git.example.com/a", "credential"],
    ["https://token@git.example.com/a", "credential"],
    ["https://git.example.com", "no path"],
    ["https://git.example.com/a?x=1", "query"],
    ["https://git.example.com/a\nb", "control"],
    ["../a", "neither an address nor an absolute path"],
    ["C:\\git", "protocol c"],
  ])("refuses %j, saying: %s", (text, reason) => {
    expect(() => parseCloneUrl(text, strict)).toThrow(reason);
  });

  it("never repeats a credential", () => {
    expect(() => parseCloneUrl("https://user:secret@git.example.com/a", strict)).not.toThrow("secret");
  });

  it("takes http where it is allowed", () => {
    expect(parseCloneUrl("http://git.example.com/a", { allowHttp: true })).toMatchObject({ kind: "http" });
  });
});

describe("addresses", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "not an address",
  ])("%s is private", (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each(["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"])("%s is public", (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });

  it("one private address among public ones is enough", () => {
    expect(() => checkAddresses("h", ["1.1.1.1", "10.0.0.1"], strict)).toThrow("10.0.0.1");
    expect(() => checkAddresses("h", ["1.1.1.1"], strict)).not.toThrow();
    expect(() => checkAddresses("h", [], strict)).toThrow("no address");
    expect(() => checkAddresses("h", ["10.0.0.1"], { ...strict, allowPrivateAddresses: true })).not.toThrow();
  });
});

describe("checkLocalPath", () => {
  const rooted = { ...strict, repoRoot: "/srv/git" };

  it("takes what lies below the root, for administrators", () => {
    expect(() => checkLocalPath("/srv/git/a", "/srv/git/a", true, rooted)).not.toThrow();
    expect(() => checkLocalPath("/srv/git", "/srv/git", true, rooted)).not.toThrow();
    expect(() => checkLocalPath("/a", "/a", true, { ...strict, repoRoot: "/" })).not.toThrow();
  });

  it("refuses everybody else, siblings of the root, links out of it, and everything without a root", () => {
    expect(() => checkLocalPath("/srv/git/a", "/srv/git/a", false, rooted)).toThrow("only administrators");
    expect(() => checkLocalPath("/srv/git-other", "/srv/git-other", true, rooted)).toThrow("--repo-root");
    expect(() => checkLocalPath("/srv/git/link", "/etc", true, rooted)).toThrow("--repo-root");
    expect(() => checkLocalPath("/srv/git/a", "/srv/git/a", true, strict)).toThrow("switched off");
  });
});
