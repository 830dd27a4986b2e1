import { describe, expect, it } from "vitest";
import { FrameSplitter } from "../../../../src/drivers/docker/carry-output.ts";
import { FLAVOURS } from "../../../../src/drivers/docker/engine-flavour.ts";
import { engineSockets } from "../../../../src/drivers/docker/find-engine.ts";
import { parseImageReference } from "../../../../src/drivers/docker/image-reference.ts";
import { StartFailureFilter } from "../../../../src/drivers/docker/start-failure-filter.ts";

describe("FrameSplitter", () => {
  const frame = (kind: number, text: string) => {
    const head = Buffer.alloc(8);
    head[0] = kind;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };

  it("tells the streams apart, wherever the bytes are cut", () => {
    const bytes = Buffer.concat([frame(1, "out one"), frame(2, "error"), frame(1, ""), frame(1, " and two")]);
    for (let size = 1; size <= bytes.length; size += 1) {
      const splitter = new FrameSplitter();
      const seen = { stdout: "", stderr: "" };
      for (let at = 0; at < bytes.length; at += size) {
        for (const { stream, bytes: part } of splitter.push(bytes.subarray(at, at + size)))
          seen[stream] += String(part);
      }
      expect(seen).toEqual({ stdout: "out one and two", stderr: "error" });
    }
  });

  it("refuses what no engine sends", () => {
    expect(() => new FrameSplitter().push(Buffer.from("plain text"))).toThrow("not the output of a container");
  });
});

describe("parseImageReference", () => {
  it.each([
    ["node", "node:latest", "docker.io"],
    ["node:22", "node:22", "docker.io"],
    ["docker://a/b:1", "a/b:1", "docker.io"],
    ["ghcr.io/a/b", "ghcr.io/a/b:latest", "ghcr.io"],
    ["localhost:5000/x", "localhost:5000/x:latest", "localhost:5000"],
    ["localhost/x:1", "localhost/x:1", "localhost"],
    ["a@sha256:12", "a@sha256:12", "docker.io"],
  ])("%s", (name, full, registry) => {
    expect(parseImageReference(name)).toEqual({ full, registry });
  });
});

describe("StartFailureFilter", () => {
  const said = "OCI runtime exec failed: exec failed: no such file";
  const take = async (...lines: string[]) => {
    const seen: string[] = [];
    const filter = new StartFailureFilter(FLAVOURS.docker.startFailure, (line) => void seen.push(line));
    for (const line of lines) await filter.take(line, "stdout");
    return { filter, seen };
  };

  it("keeps back what an engine says of a program that did not start", async () => {
    const { filter, seen } = await take(said);
    expect([filter.failure(126), seen]).toEqual([said, []]);
  });

  it("hands on what a program says", async () => {
    expect((await take("a", said)).seen).toEqual(["a", said]);
    const { filter, seen } = await take(said);
    expect(filter.failure(1)).toBeUndefined();
    await filter.flush();
    expect(seen).toEqual([said]);
    const long = await take(said, "b", "c", "d");
    await long.filter.flush();
    expect(long.seen).toEqual([said, "b", "c", "d"]);
  });
});

describe("engineSockets", () => {
  it("the address wins, then the engine's own variable", () => {
    const environment = {
      DOCKER_HOST: "unix:///d.sock",
      CONTAINER_HOST: "unix:///p.sock",
      XDG_RUNTIME_DIR: "/run/user/1",
    };
    expect(engineSockets("docker", { address: "unix:///x.sock", environment })).toEqual(["/x.sock"]);
    expect(engineSockets("docker", { environment })).toEqual(["/d.sock"]);
    expect(engineSockets("podman", { environment })).toEqual(["/p.sock"]);
    expect(engineSockets("podman", { environment: { XDG_RUNTIME_DIR: "/run/user/1" } })).toEqual([
      "/run/user/1/podman/podman.sock",
      "/run/podman/podman.sock",
    ]);
    expect(() => engineSockets("docker", { environment: { DOCKER_HOST: "tcp://x:2375" } })).toThrow("unix:///path");
  });
});
