import { describe, expect, it } from "vitest";
import { type ActionAccess, actionOrigin } from "../../../../src/runner/actions/action-origin.ts";
import type { RepositoryReference } from "../../../../src/runner/actions/action-reference.ts";

const reference: RepositoryReference = { kind: "repository", owner: "octo", repo: "action", path: "", ref: "v1" };
const access: ActionAccess = {
  defaultUrl: "",
  serverUrl: "http://10.0.0.1:3000/git",
  serverAliases: ["https://ci.example/git"],
  token: "job-token",
  repository: "me/mine",
};

describe("actionOrigin", () => {
  it("is GitHub without a word of the server", () => {
    expect(actionOrigin(reference, access, "")).toEqual({
      url: "https://github.com/octo/action",
      credential: undefined,
      followRedirects: true,
      allowProtocols: ["https", "http"],
      cachePath: ["github.com", "octo", "action"],
    });
  });

  it("takes any certificate of the job's own server, where that is configured, and of no other", () => {
    const insecure = { ...access, insecure: true };
    expect(actionOrigin({ ...reference, base: "https://ci.example/git" }, insecure, "").insecure).toBe(true);
    expect(actionOrigin({ ...reference, base: "https://ci.example/git" }, access, "").insecure).toBeUndefined();
    expect(actionOrigin(reference, insecure, "").insecure).toBeUndefined();
  });

  it("takes the mirror in GitHub's place alone", () => {
    const mirror = "file:///srv/mirror/";
    expect(actionOrigin(reference, access, mirror)).toMatchObject({
      url: "file:///srv/mirror/octo/action",
      allowProtocols: ["https", "http", "file"],
    });
    expect(actionOrigin({ ...reference, base: "https://GitHub.com" }, access, mirror).url).toContain("/srv/mirror");
    expect(actionOrigin({ ...reference, base: "https://gitea.com" }, access, mirror).url).toBe(
      "https://gitea.com/octo/action",
    );
  });

  it.each([
    "http://10.0.0.1:3000/git",
    "http://10.0.0.1:3000/git/",
    "https://ci.example/git",
    "https://CI.example:443/git",
  ])("gives the job's token to its own server (%s), and keeps what it shows to the job's repository", (defaultUrl) => {
    const origin = actionOrigin(reference, { ...access, defaultUrl }, "");
    expect(origin.url).toBe("http://10.0.0.1:3000/git/octo/action");
    expect(origin.credential).toEqual({ kind: "basic", username: "x-access-token", password: "job-token" });
    expect(origin.followRedirects).toBe(false);
    expect(origin.cachePath).toEqual([
      encodeURIComponent("http://10.0.0.1:3000/git"),
      ".private",
      "me%2Fmine",
      "octo",
      "action",
    ]);
  });

  it.each([
    "http://10.0.0.1:3001/git",
    "http://10.0.0.1:3000",
    "https://ci.example.evil/git",
    "https://gitea.com",
    "nonsense",
  ])("gives it to nobody else (%s)", (defaultUrl) => {
    expect(actionOrigin(reference, { ...access, defaultUrl }, "").credential).toBeUndefined();
  });
});
