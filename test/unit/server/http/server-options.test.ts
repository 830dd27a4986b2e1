import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startServer } from "../../../../src/server/server.ts";
import { compileServerOptions } from "../../../../src/server/server-options.ts";
import { testServer } from "../../../support/test-server.ts";

describe("compileServerOptions", () => {
  it("fills in every default", () => {
    expect(compileServerOptions({})).toMatchObject({
      listen: { host: "127.0.0.1", port: 3000 },
      listenRunners: null,
      publicUrl: null,
      databaseUrl: null,
      repoRoot: null,
      allowPrivateAddresses: false,
      defaultActionsUrl: "https://github.com",
    });
  });

  it.each([
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
    ["[::1]:3000", { host: "::1", port: 3000 }],
    [":3000", { host: "::", port: 3000 }],
  ])("takes the address %s", (listen, expected) => {
    expect(compileServerOptions({ listen }).listen).toEqual(expected);
  });

  it("takes the slash off a public URL, and keeps its path", () => {
    expect(compileServerOptions({ publicUrl: "https://ci.example.com/sub/" }).publicUrl).toBe(
      "https://ci.example.com/sub",
    );
  });

  it.each<[object, string]>([
    [{ listen: "3000" }, "is no address"],
    [{ listen: "host:99999" }, "is no address"],
    [{ publicUrl: "ftp://x" }, "is no address"],
    [{ databasePool: 0 }, "databasePool"],
    [{ dataDirr: "x" }, "did you mean dataDir?"],
  ])("refuses %j", (options, reason) => {
    expect(() => compileServerOptions(options)).toThrow(reason);
  });
});

describe("starting", () => {
  it("writes cli.json for its owner only, and keeps a token that is good", async () => {
    await using server = await testServer();
    const path = join(server.dataDir, "cli.json");
    const first = JSON.parse(await readFile(path, "utf8"));
    expect(first).toEqual({ server: server.url, token: server.adminToken });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await server.server.close();
    const again = async () => {
      await using second = await startServer({ listen: "127.0.0.1:0", dataDir: server.dataDir });
      const file = JSON.parse(await readFile(path, "utf8"));
      const answer = await fetch(`${second.url}/api/v1/user`, { headers: { authorization: `Bearer ${file.token}` } });
      expect([second.adminToken, file.server, answer.status]).toEqual([undefined, second.url, 200]);
      return file.token;
    };
    expect(await again()).toBe(first.token);
    await writeFile(path, "damaged");
    const renewed = await again();
    expect(renewed).toMatch(/^[0-9a-f]{40}$/);
    expect(await again()).toBe(renewed);
  });

  it("shows the admin token at the first start only", async () => {
    await using place = await testServer();
    await place.server.close();
    const dataDir = join(place.dataDir, "new");
    await using first = await startServer({ listen: "127.0.0.1:0", dataDir });
    expect(first.adminToken).toMatch(/^[0-9a-f]{40}$/);
    await first.close();
    await using second = await startServer({ listen: "127.0.0.1:0", dataDir });
    expect(second.adminToken).toBeUndefined();
  });

  it("refuses a root of repositories that does not exist, and frees what it has taken", async () => {
    await using place = await testServer();
    await place.server.close();
    const options = { listen: "127.0.0.1:0", dataDir: place.dataDir };
    await expect(startServer({ ...options, repoRoot: "/nowhere" })).rejects.toThrow("/nowhere does not exist");
    await using server = await startServer(options);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it("serves the runner protocol alone on a second port", async () => {
    await using server = await testServer({ listenRunners: "127.0.0.1:0" });
    const { host, port } = server.server.runnersAddress ?? { host: "", port: 0 };
    const ping = await fetch(`http://${host}:${port}/api/actions/ping.v1.PingService/Ping`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"data":"x"}',
    });
    expect(ping.status).toBe(200);
    expect((await fetch(`http://${host}:${port}/api/v1/version`)).status).toBe(404);
  });

  it("works below the path of its public URL, whether the proxy leaves the path on or not", async () => {
    await using server = await testServer({ publicUrl: "https://ci.example.com/sub" });
    for (const prefix of ["", "/sub"]) {
      const answer = await fetch(`${server.url}${prefix}/api/v1/nowhere`);
      expect(await answer.json()).toMatchObject({ url: "https://ci.example.com/sub/api/v1/openapi.json" });
    }
    expect((await fetch(`${server.url}/subway/api/v1/version`)).status).toBe(404);
  });
});
