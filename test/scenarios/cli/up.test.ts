import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliPlace, type StartedCli } from "./cli-process.ts";

describe("up in a work tree", () => {
  let place: CliPlace;
  let up: StartedCli;
  let server = "";

  beforeAll(async () => {
    place = await CliPlace.make();
    await place.makeWorkTree();
    up = place.start(["up", "--listen", "127.0.0.1:0"]);
    server = (await up.output(/Server is ready: (\S+)/))[1] ?? "";
    await up.output(/Runner is ready: .*ubuntu-latest/);
  });
  afterAll(async () => await place[Symbol.asyncDispose]());

  test("cli.json is for its owner alone and holds the real address", async () => {
    const path = join(place.directory, "data/cli.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ server });
    expect(place.git("status", "--porcelain")).toBe("");
  });

  test("the runner of this machine is there", async () => {
    const { code, out } = await place.run(["runners", "list", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject([
      { id: 1, labels: expect.arrayContaining([expect.objectContaining({ name: "ubuntu-latest" })]) },
    ]);
  });

  test("a workflow that succeeds: exit code 0, its lines, its results", async () => {
    const { code, out, err } = await place.run(["run", "examples/hello.yml", "--input", "name=Ada", "--follow"], {
      cwd: join(place.directory),
    });
    expect(out + err).toMatch(/greet \(hello\) +\| hello, Ada$/m);
    expect(out).toMatch(/greet \(bonjour\) +\| bonjour, Ada$/m);
    expect(out).toMatch(/report +\| +letters: 3$/m);
    expect(out).toMatch(/report +\| notice: every greeting was said$/m);
    expect(out).toMatch(/rescue +\| \* skipped/);
    expect(out).toMatch(/^Run \d+: success in /m);
    expect(err).toMatch(/The server now knows .* as admin\//);
    expect(code).toBe(0);
  });

  test("a workflow that fails: exit code 1, job, step and exit message", async () => {
    const { code, out } = await place.run(["run", "fail.yml", "--follow"], { cwd: join(place.directory, "examples") });
    expect(out).toContain("about to fail");
    expect(out).not.toContain("not printed");
    expect(out).toMatch(/^job "broken" failed in step "Exit with 3": .*exit code 3/m);
    expect(out).toMatch(/^Run \d+: failure in /m);
    expect(code).toBe(1);
  });

  test("git in a job that checked nothing out does not find the work tree around the data", async () => {
    const { code, out } = await place.run(["run", "examples/git.yml", "--follow"]);
    expect(out).toMatch(/a +\| no repository here$/m);
    expect(code).toBe(0);
  });

  test("a run can be listed, shown, printed, run again and deleted", async () => {
    const list = await place.run(["runs", "list", "--status", "failure", "--json"]);
    const id = String((JSON.parse(list.out) as { id: number }[])[0]?.id);
    expect((await place.run(["runs", "show", id])).out).toMatch(/STATUS[\s\S]*broken[\s\S]*Exit with 3/);
    expect((await place.run(["logs", id, "--job", "broken"])).out).toContain("about to fail");
    expect((await place.run(["jobs", "--run", id])).out).toMatch(/failure +broken/);
    expect((await place.run(["runs", "rerun", id])).code).toBe(0);
    expect((await place.run(["logs", "-f", id])).code).toBe(1);
    expect((await place.run(["runs", "delete", id])).code).toBe(0);
    expect(await place.run(["runs", "show", id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`no run ${id}`),
    });
  });

  test("a change that is not committed is named", async () => {
    await writeFile(join(place.directory, "new.txt"), "");
    const { code, err } = await place.run(["run", "examples/hello.yml", "--json"]);
    expect(err).toMatch(/warning: 1 file that differs from HEAD/);
    expect(code).toBe(0);
  });

  test("Ctrl-C ends the following with 130 and a hint; the run goes on until it is cancelled", async () => {
    const follow = place.start(["run", "examples/waiting.yml", "--follow"]);
    const [, id = ""] = await follow.output(/^Run (\d+) of /m);
    await follow.output(/a +\| \* waiting for a runner with nobody-has-this/);
    follow.signal("SIGINT");
    expect(await follow.ended).toMatchObject({
      code: 130,
      err: expect.stringContaining(`"act-runner-ts logs -f ${id}"`),
    });
    expect((await place.run(["runs", "list", "--status", "queued"])).out).toMatch(new RegExp(`^${id} `, "m"));
    expect((await place.run(["runs", "cancel", id])).code).toBe(0);
    expect(await place.run(["logs", "-f", id])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/Run \d+: cancelled in /),
    });
  });

  test("a second server for the same data or port is refused in one sentence", async () => {
    const data = await place.run(["server", "--listen", "127.0.0.1:0"]);
    expect(data).toMatchObject({ code: 1, err: expect.stringMatching(/^act-runner-ts: [^\n]*data[^\n]*\n$/) });
    const port = await place.run([
      "server",
      "--listen",
      server.replace("http://", ""),
      "--data-dir",
      "../other",
      "--log-level",
      "error",
    ]);
    expect(port).toMatchObject({ code: 1, err: expect.stringMatching(/^act-runner-ts: [^\n]*\d+[^\n]*\n$/) });
  });

  test("a workflow that is not there is named", async () => {
    const { code, err } = await place.run(["run", "nothing.yml"]);
    expect(err).toMatch(/^act-runner-ts: .*nothing\.yml/m);
    expect(code).toBe(1);
  });

  test("secrets and variables come from standard input", async () => {
    expect(await place.run(["secrets", "set", "KEY"], { input: "s3cret\n" })).toMatchObject({
      code: 0,
      out: "Secret KEY is set\n",
    });
    expect((await place.run(["secrets", "list"])).out).toMatch(/^KEY /m);
    for (const value of ["one", "two"]) {
      expect(await place.run(["variables", "set", "STAGE"], { input: `${value}\n` })).toMatchObject({ code: 0 });
    }
    expect((await place.run(["variables", "get", "STAGE"])).out).toBe("two\n");
    expect((await place.run(["variables", "delete", "STAGE"])).code).toBe(0);
  });

  test("a wrong token is refused in one sentence", async () => {
    const { code, err } = await place.run(["runs", "list"], { env: { ACT_RUNNER_API_TOKEN: "0".repeat(40) } });
    expect(err).toBe(
      `act-runner-ts: ${server} refused the API token of ACT_RUNNER_API_TOKEN: run "act-runner-ts login" or set ACT_RUNNER_API_TOKEN\n`,
    );
    expect(code).toBe(1);
  });

  test("login keeps a token that works", async () => {
    const { token } = JSON.parse(await readFile(join(place.directory, "data/cli.json"), "utf8")) as { token: string };
    expect(await place.run(["login", server], { input: `${token}\n` })).toMatchObject({
      code: 0,
      out: expect.stringContaining("as admin"),
    });
    expect((await place.run(["repos", "list"], { cwd: "/" })).code).toBe(0);
    expect((await place.run(["login", server], { input: "wrong\n" })).code).toBe(1);
  });

  test("a second runner registers, is listed and ends on SIGTERM", async () => {
    const token = (await place.run(["tokens", "registration"])).out.trim();
    const env = { ACT_RUNNER_REGISTRATION_TOKEN: token };
    const file = join(place.directory, "second/.runner");
    const registered = await place.run(
      [
        "register",
        "--no-interactive",
        "--instance",
        server,
        "--name",
        "second",
        "--labels",
        "extra:host",
        "--runner-file",
        file,
      ],
      { env },
    );
    expect(registered, registered.err).toMatchObject({
      code: 0,
      out: expect.stringContaining("Runner second is registered"),
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const daemon = place.start(["daemon", "--runner-file", file]);
    await expect
      .poll(async () => (await place.run(["runners", "list"])).out, { timeout: 20_000 })
      .toMatch(/online +second/);
    daemon.signal("SIGTERM");
    expect((await daemon.ended).code).toBe(0);
  });

  test("SIGTERM ends it with 0; commands then say how to start it; a new start keeps token and runner", async () => {
    up.signal("SIGTERM");
    expect((await up.ended).code).toBe(0);
    const away = await place.run(["runs", "list"]);
    expect(away).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^act-runner-ts: no server answers at \S+: start it with/),
    });
    const again = place.start(["up", "--listen", "127.0.0.1:0"]);
    await again.output(/Runner is ready/);
    const { out } = await place.run(["runners", "list", "--json"]);
    expect((JSON.parse(out) as { id: number }[]).map(({ id }) => id)).toContain(1);
    again.signal("SIGINT");
    const ended = await again.ended;
    expect(ended).toMatchObject({ code: 0, out: expect.not.stringContaining("Admin API token") });
  });
});
