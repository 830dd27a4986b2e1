import { describe, expect, test } from "vitest";
import { parseActionMetadata } from "../../../src/workflow/action-metadata.ts";

describe("parseActionMetadata", () => {
  test("a JavaScript action", () => {
    const { metadata, diagnostics } = parseActionMetadata(`name: Checkout
description: d
inputs:
  token: {description: t, default: "\${{ github.token }}"}
  Depth: {required: true, default: 1, deprecationMessage: old}
  bare:
outputs: {ref: {description: r}}
runs: {using: Node20, main: dist/index.js, post: dist/post.js, post-if: failure(), pre-if: runner.os == 'Linux'}
branding: {icon: x, color: blue}
`);
    expect(diagnostics).toEqual([]);
    expect([...(metadata?.inputs.keys() ?? [])]).toEqual(["token", "Depth", "bare"]);
    expect(metadata?.inputs.get("token")).toMatchObject({ required: false, default: { kind: "expression" } });
    expect(metadata?.inputs.get("Depth")).toMatchObject({
      required: true,
      default: { value: "1" },
      deprecationMessage: "old",
    });
    expect(metadata?.runs).toMatchObject({
      kind: "node",
      using: "node20",
      main: "dist/index.js",
      post: "dist/post.js",
    });
    expect(metadata?.runs.kind === "node" && metadata.runs.postIf?.expression.source).toBe("failure()");
    expect(metadata?.runs.kind === "node" && metadata.runs.preIf?.expression.source).toBe(
      "success() && (runner.os == 'Linux')",
    );
  });

  test("a composite action", () => {
    const { metadata, diagnostics } = parseActionMetadata(`outputs: {o: {value: "\${{ steps.a.outputs.x }}"}}
runs:
  using: composite
  steps:
    - {id: a, run: echo, shell: bash, if: always(), env: {A: "\${{ inputs.x }}"}}
    - {uses: ./other, with: {y: 1}}
    - {run: no shell}
`);
    expect(metadata?.runs.kind === "composite" && metadata.runs.steps.map(({ index, id }) => [index, id])).toEqual([
      [0, "a"],
      [1, undefined],
      [2, undefined],
    ]);
    expect(diagnostics.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringMatching(/^warning .*missing: shell/),
    ]);
  });

  test("a Docker action", () => {
    const { metadata } = parseActionMetadata(`runs:
  using: docker
  image: Dockerfile
  args: [a, "\${{ inputs.x }}"]
  env: {K: v}
  pre-entrypoint: pre.sh
  entrypoint: main.sh
`);
    expect(metadata?.runs).toMatchObject({
      kind: "docker",
      image: "Dockerfile",
      entrypoint: "main.sh",
      preEntrypoint: "pre.sh",
      args: [{ value: "a" }, { kind: "expression" }],
    });
  });

  test.each([
    ["name: x", /missing: runs/],
    ["runs: {using: node20}", /missing: main/],
    ["runs: {using: docker}", /missing: image/],
    ["runs: {using: composite}", /missing: steps/],
    ["runs: {using: python}", /not supported/],
    ["runs: {main: x}", /missing: using/],
    ["inputs: [a]\nruns: {using: node20, main: x}", /mapping of names/],
  ])("refuses %j", (source, message) => {
    const { metadata, diagnostics } = parseActionMetadata(source);
    expect(metadata).toBeUndefined();
    expect(diagnostics.map((diagnostic) => diagnostic.message).join()).toMatch(message);
  });
});
