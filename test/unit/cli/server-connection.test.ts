import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writePrivateFile } from "../../../src/cli/private-file.ts";
import { findConnection, loginPath, normalizeServer } from "../../../src/cli/server-connection.ts";
import { testContext } from "./support.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cli-connection-"));
});
afterEach(async () => await rm(root, { recursive: true }));

const context = (env: Record<string, string> = {}) =>
  testContext({ cwd: join(root, "a/b"), env: { HOME: join(root, "home"), ...env } }).context;

async function writeCliJson(server: string, token: string): Promise<string> {
  const path = join(root, "data/cli.json");
  await writePrivateFile(path, JSON.stringify({ server, token }));
  return path;
}

test("cli.json is found from the working directory upwards", async () => {
  const path = await writeCliJson("http://127.0.0.1:4000/", "t1");
  expect(await findConnection(context(), {})).toEqual({ server: "http://127.0.0.1:4000", token: "t1", source: path });
});

test("environment and flags win over files", async () => {
  await writeCliJson("http://127.0.0.1:4000", "t1");
  const env = { ACT_RUNNER_API_TOKEN: "t2" };
  expect(await findConnection(context(env), {})).toMatchObject({ server: "http://127.0.0.1:4000", token: "t2" });
  await writeFile(join(root, "token"), "t3\n");
  const options = { server: "http://other:1", apiTokenFile: join(root, "token") };
  expect(await findConnection(context(env), options)).toMatchObject({ server: "http://other:1", token: "t3" });
});

test("a file's token never goes to another server", async () => {
  await writeCliJson("http://127.0.0.1:4000", "t1");
  await expect(findConnection(context(), { server: "http://evil.example" })).rejects.toThrow(
    /no API token for http:\/\/evil/,
  );
});

test("login is used where no cli.json is near", async () => {
  const file = { current: "https://ci.example", tokens: { "https://ci.example": "t4", "http://b:1": "t5" } };
  await writePrivateFile(loginPath(context().env), JSON.stringify(file));
  expect(await findConnection(context(), {})).toMatchObject({ server: "https://ci.example", token: "t4" });
  expect(await findConnection(context(), { server: "http://b:1/" })).toMatchObject({ token: "t5" });
});

test("a cli.json that others may read is refused", async () => {
  const path = await writeCliJson("http://127.0.0.1:4000", "t1");
  await chmod(path, 0o640);
  await expect(findConnection(context(), {})).rejects.toThrow(`chmod 600 ${path}`);
});

test("a cli.json that is a link is refused", async () => {
  await mkdir(join(root, "a/data"), { recursive: true });
  await symlink(await writeCliJson("http://127.0.0.1:4000", "t1"), join(root, "a/data/cli.json"));
  await expect(findConnection(context(), {})).rejects.toThrow(/symbolic link/);
});

test.skipIf(process.getuid?.() !== 0)("a cli.json of another user is refused (needs root to make one)", async () => {
  const path = await writeCliJson("http://127.0.0.1:4000", "t1");
  const { chown } = await import("node:fs/promises");
  await chown(path, 12345, 12345);
  await expect(findConnection(context(), {})).rejects.toThrow(/another user/);
});

test("a damaged cli.json is named", async () => {
  await writePrivateFile(join(root, "data/cli.json"), "{");
  await expect(findConnection(context(), {})).rejects.toThrow(/cli\.json is damaged/);
});

test("addresses", () => {
  expect(normalizeServer("https://ci.example/sub//")).toBe("https://ci.example/sub");
  expect(() => normalizeServer("ci.example")).toThrow(/no server address/);
  expect(() => normalizeServer("http://u:p@ci.example")).toThrow(/password/);
});
