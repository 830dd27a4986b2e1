import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { actionHost } from "../../support/action-host.ts";
import { testEngine } from "../../support/engines.ts";
import { CliPlace } from "./cli-process.ts";

const WORKFLOWS = fileURLToPath(new URL("./workflows", import.meta.url));

let place: CliPlace;
beforeAll(async () => {
  place = await CliPlace.make();
  await place.makeWorkTree();
});
afterAll(async () => await place[Symbol.asyncDispose]());

test("runs a workflow here, without a server", async () => {
  const temporary = join(place.directory, "../tmp");
  await mkdir(temporary);
  const args = ["exec", "-W", "examples/hello.yml", "--input", "name=Ada"];
  const { code, out, err } = await place.run(args, { env: { TMPDIR: temporary } });
  expect(out, err).toMatch(/greet \(hello\) +\| hello, Ada$/m);
  expect(out).toMatch(/report +\| +letters: 3$/m);
  expect(out).toMatch(/rescue +\| \* skipped$/m);
  expect(code).toBe(0);
  expect(await readdir(temporary)).toEqual([]);
});

test("actions are fetched from the mirror that the environment names", async () => {
  await using host = await actionHost();
  const file = join(place.directory, "uses.yml");
  await writeFile(file, "on: push\njobs: {a: {runs-on: x, steps: [{uses: octo/actions/yaml@v1}]}}\n");
  const fetched = await place.run(["exec", "-W", file], { env: { ACT_RUNNER_GITHUB_MIRROR: host.url } });
  expect(fetched.out, fetched.err).toContain("action.yaml was read");
  await rm(file);
});

test("a failed job: exit code 1, job and step", async () => {
  const { code, out, err } = await place.run(["exec", "-W", "examples/fail.yml"]);
  expect(out).toMatch(/broken +\| about to fail$/m);
  expect(err).toBe('act-runner-ts: job "broken" failed in step "Exit with 3": Process completed with exit code 3.\n');
  expect(code).toBe(1);
});

test("only a job and what it needs", async () => {
  const { code, out } = await place.run(["exec", "-W", "examples/hello.yml", "-j", "greet"]);
  expect(out).toContain("hello, world");
  expect(out).not.toContain("report");
  expect(code).toBe(0);
});

test("--matrix chooses legs, and jobs of other systems are skipped and say so", async () => {
  const file = join(place.directory, "legs.yml");
  await writeFile(
    file,
    `on: push
jobs:
  a:
    strategy: {matrix: {n: [1, 2], os: [x, y]}}
    runs-on: anything
    steps: [{run: "echo leg \${{ matrix.n }} \${{ matrix.os }}"}]
  b:
    runs-on: windows-latest
    steps: [{run: never}]
`,
  );
  const { code, out, err } = await place.run(["exec", "-W", file, "--matrix", "n:2", "--matrix", "os:y"]);
  expect(
    [...out.matchAll(/\| leg (.*)$/gm)].map(([, leg]) => leg),
    err,
  ).toEqual(["2 y"]);
  expect(out).toMatch(/b +\| \* skipped: it wants Windows \(runs-on: windows-latest\), which this machine is not$/m);
  expect(code).toBe(0);
  const wrong = await place.run(["exec", "-W", file, "--matrix", "n"]);
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--matrix n is not KEY:VALUE")]);
  await rm(file);
});

const engine = await testEngine("docker");
const missing = "missing" in engine ? ` (skipped: ${engine.missing})` : "";

test.skipIf("missing" in engine)(
  `-i and --label run jobs in containers, with the files of the folder${missing}`,
  async () => {
    if ("missing" in engine) return;
    const { socket, image } = engine.engine;
    const file = join(place.directory, "examples", "in-image.yml");
    await writeFile(file, "on: push\njobs: {a: {runs-on: x, steps: [{run: 'ls -d /__w examples/hello.yml'}]}}\n");
    for (const flags of [
      ["-i", image],
      ["--label", `x:docker://${image}`],
    ]) {
      const { code, out, err } = await place.run(["exec", "-W", file, ...flags], {
        env: { DOCKER_HOST: `unix://${socket}` },
      });
      expect(out, err).toMatch(/\| \/__w$[\s\S]*\| examples\/hello\.yml$/m);
      expect(code).toBe(0);
    }
    await rm(file);
  },
);

test("secrets come from the environment and are masked; variables and env are seen", async () => {
  const args = ["exec", "-W", join(WORKFLOWS, "secret.yml"), "-s", "KEY", "--var", "STAGE=dev", "--env", "MORE=x=y"];
  const { out, err } = await place.run(args, { env: { KEY: "hunter22" } });
  expect(out, err).toMatch(/\*\*\* dev x=y$/m);
  expect(out).not.toContain("hunter22");
  expect(await place.run(args)).toMatchObject({
    code: 1,
    err: expect.stringContaining("the secret KEY is not in the environment"),
  });
});

test("the list of jobs, in the order of their needs", async () => {
  const { code, out } = await place.run(["exec", "-W", "examples/hello.yml", "--list", "--json"]);
  expect(code).toBe(0);
  expect((JSON.parse(out) as { job: string }[]).map(({ job }) => job)).toEqual(["greet", "report", "rescue"]);
});

test("mistakes in a file are shown with their places", async () => {
  const { code, err } = await place.run(["exec", "-W", join(WORKFLOWS, "wrong.yml")]);
  expect(err).toMatch(/wrong\.yml:5:\d+: error: .*missing/);
  expect(code).toBe(1);
});
