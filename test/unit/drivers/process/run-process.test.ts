import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runProcess } from "../../../../src/drivers/process/run-process.ts";
import { runToEnd } from "../../../../src/drivers/process/run-to-end.ts";

const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
const { signal } = new AbortController();
const ignore = () => undefined;

/** How many file descriptors this process has open. */
async function openFiles(): Promise<number> {
  return (await readdir("/proc/self/fd")).length;
}

describe("runProcess", () => {
  it("passes the environment and nothing else", async () => {
    const lines: string[] = [];
    const output = (line: string) => void lines.push(line);
    await runProcess({ argv: ["env"], cwd: "/", env: { ...env, A: "1" } }, { signal, output });
    expect(lines.toSorted((a, b) => a.localeCompare(b))).toEqual(["A=1", `PATH=${env.PATH}`]);
  });

  it.each([
    ["a program that is not in PATH", ["no-such-program"], "/", "not_found", "no-such-program was not found in PATH"],
    ["a path that is not there", ["/no/such/program"], "/", "not_found", "/no/such/program does not exist"],
    ["a program that may not run", ["/etc/passwd"], "/", "forbidden", "/etc/passwd may not be executed"],
    ["a folder that is not there", ["true"], "/no/such", "not_found", "the working directory /no/such does not exist"],
    ["a folder that is none", ["true"], "/etc/hostname", "invalid", "is not a folder"],
    ["a zero byte", ["echo", "a\0b"], "/", "invalid", "zero byte"],
    ["too much", ["echo", "x".repeat(4_000_000)], "/", "exhausted", "larger than the system allows"],
  ] as const)("says why it could not start: %s", async (_, argv, cwd, code, message) => {
    for (const pty of [false, true]) {
      if (pty && (code === "invalid" || code === "exhausted" || code === "forbidden")) continue;
      const exit = await runProcess({ argv: [...argv], cwd, env, pty }, { signal, output: ignore });
      expect(exit).toMatchObject({ kind: "not-started", error: { code, message: expect.stringContaining(message) } });
    }
  });

  it("a script without its interpreter is not reported as missing itself", async () => {
    const folder = await mkdtemp(join(tmpdir(), "act-runner-test-"));
    try {
      await writeFile(join(folder, "script"), "#!/no/such/shell\n", { mode: 0o755 });
      const exit = await runProcess({ argv: [join(folder, "script")], cwd: "/", env }, { signal, output: ignore });
      expect(exit).toMatchObject({ kind: "not-started", error: { message: expect.stringContaining("interpreter") } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("leaves no file open and no temporary folder, however it ends", async () => {
    const run = (argv: [string, ...string[]], abort = signal) =>
      runProcess({ argv, cwd: "/", env }, { signal: abort, output: ignore, drainMs: 50 });
    await run(["true"]);
    const before = await openFiles();
    for (let round = 0; round < 5; round += 1) {
      await run(["true"]);
      await run(["no-such-program"]);
      await run(["sleep", "100"], AbortSignal.timeout(5));
      await run(["true"], AbortSignal.abort());
      await run(["sh", "-c", "sleep 0.5 &"]);
    }
    expect(await openFiles()).toBeLessThanOrEqual(before);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith("act-runner-pipe-"))).toEqual([]);
  });

  it("an abort while the output is held open ends the wait, but the program had exited", async () => {
    const stop = new AbortController();
    const output = () => stop.abort("cancelled");
    const spec = { argv: ["sh", "-c", "(sleep 0.3; echo late; sleep 3) &"] as [string, ...string[]], cwd: "/", env };
    const began = performance.now();
    const exit = await runProcess(spec, { signal: stop.signal, output, drainMs: 60_000 });
    expect(exit).toEqual({ kind: "exited", code: 0 });
    expect(performance.now() - began).toBeLessThan(2500);
  });
});

describe("runToEnd", () => {
  const run = (script: string, maxBytes = 1000, stop = signal) =>
    runToEnd({ argv: ["sh", "-c", script], cwd: "/", env }, { maxBytes, signal: stop });

  it("hands back code, output and messages", async () => {
    const result = await run("echo out; echo err >&2; exit 4");
    expect([result.code, String(result.stdout), result.stderr]).toEqual([4, "out\n", "err\n"]);
    expect((await run("kill -TERM $$")).code).toBe(143);
  });

  it("ends what prints too much, and what is cancelled", async () => {
    await expect(run("yes")).rejects.toMatchObject({ code: "exhausted" });
    await expect(run("sleep 100", 10, AbortSignal.timeout(20))).rejects.toMatchObject({ code: "cancelled" });
    await expect(run("true", 10, AbortSignal.abort())).rejects.toMatchObject({ code: "cancelled" });
  });

  it("names a program that is missing", async () => {
    const missing = runToEnd({ argv: ["no-such-program"], cwd: "/", env }, { maxBytes: 10 });
    await expect(missing).rejects.toMatchObject({ code: "not_found" });
  });
});
