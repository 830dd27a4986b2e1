import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scriptedRunner } from "../support/scripted-runner.ts";
import { ServerProcess } from "../support/server-process.ts";

const ADMIN_TOKEN = /Admin API token .*: ([0-9a-f]{40})$/gm;

describe("first start", { timeout: 120_000 }, () => {
  it("prints the admin token once and never again", async () => {
    await using server = await ServerProcess.start();
    const printed = [...server.output.matchAll(ADMIN_TOKEN)].map((match) => match[1]);
    expect(printed).toHaveLength(1);
    expect((await server.api("GET", "/admin/actions/runners", undefined, printed[0])).status).toBe(200);

    const { url } = server;
    expect(await server.stop()).toBe(0);
    await server.restart();
    expect(server.url).toBe(url);
    expect([...server.output.matchAll(ADMIN_TOKEN)]).toHaveLength(1);
    expect((await server.api("GET", "/admin/actions/runners", undefined, printed[0])).status).toBe(200);
  });

  it("keeps the data directory's secrets from other users", async () => {
    await using server = await ServerProcess.start();
    const names = await readdir(server.dataDir, { recursive: true });
    const open: string[] = [];
    for (const name of names) {
      const info = await stat(join(server.dataDir, name));
      if (
        info.isFile() &&
        (info.mode & 0o077) !== 0 &&
        (await holdsSecret(join(server.dataDir, name), server.adminToken))
      )
        open.push(name);
    }
    expect(open).toEqual([]);
    expect((await stat(join(server.dataDir, "cli.json"))).mode & 0o777).toBe(0o600);
  });

  it("takes both tokens from the environment and prints neither", async () => {
    const admin = "a".repeat(40);
    const registration = "r".repeat(40);
    await using server = await ServerProcess.start({
      env: { ACT_RUNNER_ADMIN_TOKEN: admin, ACT_RUNNER_REGISTRATION_TOKEN: registration },
    });
    expect(await server.api("POST", "/admin/actions/runners/registration-token", undefined, admin)).toMatchObject({
      status: 200,
      json: { token: registration },
    });
    await scriptedRunner(server.url, registration);
    expect(server.output).not.toContain(admin);
    expect(server.output).not.toContain(registration);
  });

  it("refuses a short preset token with a sentence", async () => {
    const start = ServerProcess.start({ env: { ACT_RUNNER_ADMIN_TOKEN: "short" } });
    await expect(start).rejects.toThrow(/at least 32 characters/);
  });

  it("refuses a second server on the same data", async () => {
    await using server = await ServerProcess.start();
    await expect(ServerProcess.start({ dataDir: server.dataDir })).rejects.toThrow(/the server ended with 1/);
    expect((await server.api("GET", "/admin/actions/runners")).status).toBe(200);
  });
});

async function holdsSecret(path: string, secret: string): Promise<boolean> {
  return (await readFile(path, "latin1")).includes(secret);
}
