import { describe, expect, it } from "vitest";
import { chooseLabel, parseLabel, parseLabels } from "../../../src/runner/labels.ts";

describe("labels", () => {
  it.each([
    ["ubuntu", "ubuntu", "host", ""],
    ["ubuntu:host", "ubuntu", "host", ""],
    ["ubuntu:docker://node:22-bookworm", "ubuntu", "docker", "node:22-bookworm"],
    ["ubuntu:docker:node:22", "ubuntu", "docker", "node:22"],
    ["ubuntu:podman://quay.io/x:1", "ubuntu", "podman", "quay.io/x:1"],
    ["pool:e57e18d4", "pool:e57e18d4", "host", ""],
    ["a:lxc://debian", "a:lxc://debian", "host", ""],
    [" ubuntu ", "ubuntu", "host", ""],
  ])("%s", (text, name, schema, arg) => {
    expect(parseLabel(text)).toEqual({ name, schema, arg, text: text.trim() });
  });

  it("of two with one name the first counts", () => {
    expect(parseLabels(["a:docker://x", "", "a:host", "b"]).map((label) => label.text)).toEqual(["a:docker://x", "b"]);
  });

  it("the first of runs-on that is there decides", () => {
    const labels = parseLabels(["a", "b:docker://x"]);
    expect(chooseLabel(labels, ["z", "b", "a"])?.name).toBe("b");
    expect(chooseLabel(labels, ["z"])).toBeUndefined();
  });
});
