import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { RegisterRequest } from "../../../src/protocol/messages.ts";
import { register } from "../../../src/runner/register.ts";
import { loadRunnerFile } from "../../../src/runner/runner-file.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeGitea } from "../../support/fake-gitea/fake-gitea.ts";

describe("register", () => {
  let gitea: FakeGitea;
  let folder: string;

  beforeEach(async () => {
    gitea = await FakeGitea.start();
    folder = await mkdtemp(join(tmpdir(), "register-"));
  });

  afterEach(async () => {
    await gitea[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  // waits of the back-off pass at once
  const clock = {
    ...systemClock,
    sleep: (_: number, options: { signal?: AbortSignal }) => systemClock.sleep(1, options),
  };

  const call = (more: Partial<Parameters<typeof register>[0]> = {}) =>
    register({
      instance: `${gitea.address}/`,
      token: "registration-token",
      name: "one",
      labels: ["ubuntu:docker://node:22", "self"],
      file: join(folder, ".runner"),
      version: "9.9",
      clock,
      ids: systemIds,
      logger: silentLogger,
      signal: new AbortController().signal,
      ...more,
    });

  it("pings, registers once and writes the file", async () => {
    const identity = await call({ ephemeral: true });
    expect(identity).toEqual({
      id: 3,
      uuid: gitea.uuid,
      name: "one",
      token: gitea.token,
      address: `${gitea.address}/`,
      labels: ["ubuntu:docker://node:22", "self"],
      ephemeral: true,
    });
    expect(await loadRunnerFile(join(folder, ".runner"))).toEqual(identity);
    expect(await readdir(folder)).toEqual([".runner"]);
    expect(gitea.calls.map((made) => made.method)).toEqual(["ping", "register"]);
    const made = gitea.callsOf("register")[0];
    expect(made?.request as RegisterRequest).toMatchObject({
      name: "one",
      labels: ["ubuntu", "self"],
      version: "9.9",
      ephemeral: true,
      capabilities: ["cancelling"],
    });
    expect(made?.headers.get("user-agent")).toBe("act-runner-ts/9.9");
    expect(made?.headers.has("x-runner-uuid")).toBe(false);
  });

  it("waits for a server that is away", async () => {
    gitea.failNext("ping", 3);
    await call();
    expect(gitea.callsOf("ping")).toHaveLength(4);
    expect(gitea.callsOf("register")).toHaveLength(1);
  });

  it("says why the server refused, without the token", async () => {
    const error = await call({ token: "wrong-token" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "forbidden" });
    expect(String(error)).toContain("runner registration token not found");
    expect(String(error)).not.toContain("wrong-token");
    expect(await readdir(folder)).toEqual([]);
  });

  it("gives up when asked to", async () => {
    await gitea.close();
    const controller = new AbortController();
    const made = call({ signal: controller.signal });
    controller.abort();
    await expect(made).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses an address without a scheme", async () => {
    await expect(call({ instance: "gitea.example.com" })).rejects.toMatchObject({ code: "invalid" });
    await eventually("no call", () => gitea.calls.length === 0);
  });
});
