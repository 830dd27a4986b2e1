import { describe, expect, it } from "vitest";
import { readCheckoutInputs } from "../../../../src/runner/builtin/checkout-inputs.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const GITHUB = { repository: "o/r", ref: "refs/heads/main", sha: SHA, server_url: "http://host/sub" };
const read = (inputs: Record<string, string>) =>
  readCheckoutInputs(new Map(Object.entries(inputs)), GITHUB, "task-token");

describe("readCheckoutInputs", () => {
  it("without inputs it is the exact commit of the run", () => {
    expect(read({})).toMatchObject({
      repository: "o/r",
      serverUrl: "http://host/sub",
      ref: "refs/heads/main",
      sha: SHA,
      token: "task-token",
      fetchDepth: 1,
      clean: true,
      persistCredentials: true,
      submodules: false,
      sparse: [],
      filter: undefined,
    });
  });

  it.each([
    [{ ref: "v1" }, { ref: "v1", sha: undefined }],
    [{ ref: SHA.toUpperCase() }, { ref: undefined, sha: SHA }],
    [{ repository: "x/y" }, { repository: "x/y", ref: undefined, sha: undefined }],
    [{ repository: "O/R" }, { sha: SHA }],
    [
      { "fetch-depth": "0", submodules: "recursive", lfs: "true" },
      { fetchDepth: 0, submodules: "recursive", lfs: true },
    ],
    [
      { submodules: "true", "fetch-tags": "TRUE", clean: "false" },
      { submodules: true, fetchTags: true, clean: false },
    ],
    [{ "sparse-checkout": "a\n\n b \n" }, { sparse: ["a", "b"] }],
    [{ "github-server-url": "https://else" }, { serverUrl: "https://else", token: undefined }],
    [{ "github-server-url": "https://else", token: "own" }, { token: "own" }],
    [{ token: "" }, { token: "task-token" }],
  ])("%j", (inputs, expected) => {
    expect(read(inputs as Record<string, string>)).toMatchObject(expected);
  });

  it.each([
    [{ clean: "yes" }, "clean"],
    [{ "fetch-depth": "-1" }, "fetch-depth"],
    [{ repository: "../x" }, "repository"],
    [{ repository: "x" }, "repository"],
    [{ "ssh-key": "k" }, "ssh-key"],
  ])("refuses %j", (inputs, name) => {
    expect(() => read(inputs as Record<string, string>)).toThrow(name);
  });
});
