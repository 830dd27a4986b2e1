import { describe, expect, it } from "vitest";
import { credentialConfig, redactCredential } from "../../../../src/drivers/git/git-credential.ts";
import { gitError } from "../../../../src/drivers/git/git-error.ts";

const credential = { kind: "basic", username: "u", password: "p/ss word" } as const;

describe("gitError", () => {
  it.each([
    ["fatal: unable to access 'https://h/': Could not resolve host: h", "unavailable"],
    ["fatal: unable to access 'https://h/': The requested URL returned error: 403", "forbidden"],
    ["remote: Not found.\nfatal: repository 'https://h/x/' not found", "not_found"],
    ["fatal: Authentication failed for 'https://h/'", "forbidden"],
    ["fatal: remote error: upload-pack: not our ref 111", "not_found"],
    [
      "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure",
      "forbidden",
    ],
    ["fatal: transport 'file' not allowed", "forbidden"],
    ["", "unavailable"],
  ])("%s is %s", (stderr, code) => {
    expect(gitError("fetch of https://h", stderr, undefined).code).toBe(code);
  });

  it("ends with git's last telling line, without secrets", () => {
    const error = gitError(
      "fetch of https://u:p1@h/x",
      "warning: x\nfatal: bad 'https://u:p2@h/' p/ss word\nhint: y",
      credential,
    );
    expect(error.message).toBe("the fetch of https://***@h/x failed; git says: fatal: bad 'https://***@h/' ***");
  });
});

describe("credentials", () => {
  it("go to the URL's host only", () => {
    const header = `AUTHORIZATION: Basic ${Buffer.from("u:p/ss word").toString("base64")}`;
    expect(credentialConfig("https://h:8443/o/r.git", credential)).toEqual([
      ["http.https://h:8443/.extraheader", header],
    ]);
    expect(credentialConfig("/local", credential)).toEqual([]);
    expect(credentialConfig("https://h", undefined)).toEqual([]);
  });

  it("are cut in every form", () => {
    const base64 = Buffer.from("u:p/ss word").toString("base64");
    expect(redactCredential(`a p/ss word b ${base64} c ${encodeURIComponent("p/ss word")}`, credential)).toBe(
      "a *** b *** c ***",
    );
    const privateKey = "-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwxyz\n-----END KEY-----\n";
    expect(redactCredential("x abcdefghijklmnopqrstuvwxyz", { kind: "ssh", privateKey, knownHosts: "" })).toBe("x ***");
  });
});
