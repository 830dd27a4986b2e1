import { describe, expect, it } from "vitest";
import { parseActionReference } from "../../../../src/runner/actions/action-reference.ts";

describe("parseActionReference", () => {
  const repository = { kind: "repository", owner: "octo", repo: "action", path: "", ref: "v1" };

  it.each([
    ["octo/action@v1", repository],
    ["octo/action.git@v1", repository],
    ["octo/action/sub/dir@v1", { ...repository, path: "sub/dir" }],
    ["octo/action@feature/x", { ...repository, ref: "feature/x" }],
    ["https://git.example/octo/action@v1", { ...repository, base: "https://git.example" }],
    ["http://git.example:3000/octo/action/sub@v1", { ...repository, base: "http://git.example:3000", path: "sub" }],
    ["https://own.example/git/octo/action@v1", { ...repository, base: "https://own.example/git" }],
    ["./sub", { kind: "local", path: "./sub" }],
    ["./", { kind: "local", path: "./" }],
    ["../up", { kind: "local", path: "../up" }],
    [".\\sub", { kind: "local", path: "./sub" }],
    ["docker://alpine:3@sha256:12", { kind: "image", image: "alpine:3@sha256:12" }],
  ])("reads %s", (uses, expected) => {
    expect(parseActionReference(uses, ["https://own.example/git"])).toEqual(expected);
  });

  it.each([
    "octo",
    "octo/action",
    "octo/action@",
    "@v1",
    "octo/../x@v1",
    "octo/action/../../x@v1",
    "octo//x@v1",
    "-/.@v1",
  ])("refuses %s", (uses) => {
    expect(() => parseActionReference(uses)).toThrow("is not an action");
  });
});
