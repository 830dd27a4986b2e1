import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JobEnvironment } from "../../src/executors/executor.ts";
import { eventually } from "../support/eventually.ts";
import { type ExecutorSubject, nextJobId, run, runningWith, sh, uniqueSleep } from "../support/executor-subject.ts";

/** Tests that an implementation cannot pass, and why. */
export interface Skip {
  readonly reason: string;
  /** Titles, or beginnings of titles. */
  readonly tests: readonly string[];
}

/** What a test gets. */
interface Given {
  readonly subject: ExecutorSubject;
  /** A prepared environment, disposed after the test. */
  readonly job: JobEnvironment;
}

const never = new AbortController().signal;

/** What every Executor does. Uses nothing but sh, sleep, cat, seq, printf, head and env in the job. */
export function executorContract(
  name: string,
  makeSubject: () => Promise<ExecutorSubject>,
  { skip = [] }: { skip?: readonly Skip[] } = {},
): void {
  describe(`executor ${name}`, () => {
    let given: Given;

    beforeEach(async () => {
      const subject = await makeSubject();
      given = { subject, job: await prepare(subject) };
    });

    afterEach(async () => {
      const { subject, job } = given;
      await job[Symbol.asyncDispose]();
      expect(await subject.leftovers()).toEqual([]);
      await subject[Symbol.asyncDispose]();
    });

    for (const [title, test] of Object.entries({ ...basics, ...outputs, ...ends, ...lifecycle, ...files })) {
      const reason = skip.find(({ tests }) => tests.some((skipped) => title.startsWith(skipped)))?.reason;
      if (reason === undefined) it(title, () => test(given));
      else it.skip(`${title} (skipped: ${reason})`);
    }
  });
}

async function prepare({ executor }: ExecutorSubject, repository = "octo/hello"): Promise<JobEnvironment> {
  return await executor.prepare({ id: nextJobId(), repository }, { signal: never });
}

type Tests = Record<string, (given: Given) => Promise<void>>;

const basics: Tests = {
  "exec: hands back the exit code": async ({ job }) => {
    for (const code of [0, 1, 7, 255]) {
      expect((await sh(job, `exit ${code}`)).exit).toEqual({ kind: "exited", code });
    }
  },
  "exec: a signal of somebody else counts as 128 + its number": async ({ job }) => {
    expect((await sh(job, "kill -KILL $$")).exit).toEqual({ kind: "exited", code: 137 });
  },
  "exec: hands arguments on exactly": async ({ job }) => {
    const argv = ["a b", "", "'q'", '"', "$HOME", "*", "\\n", "ü"];
    const ran = await run(job, ["sh", "-c", 'for a in "$@"; do printf "[%s]\\n" "$a"; done', "sh", ...argv]);
    expect(ran.stdout).toEqual(argv.map((word) => `[${word}]`));
  },
  "exec: hands values of variables on exactly, also with line ends": async ({ job }) => {
    const env = { PLAIN: "a=b", LINES: "one\ntwo\n", EMPTY: "", QUOTES: `'"$\`` };
    const ran = await sh(job, `printf "[%s]" "$PLAIN" "$LINES" "\${EMPTY-unset}" "$QUOTES" "\${MISSING-unset}"`, {
      env,
    });
    expect(ran.stdout.join("\n")).toBe("[a=b][one\ntwo\n][]['\"$`][unset]");
  },
  "exec: names of variables may hold a dash, as inputs' do": async ({ job }) => {
    const ran = await run(job, ["env"], { env: { "INPUT_WITH-DASH": "x" } });
    expect(ran.stdout).toContain("INPUT_WITH-DASH=x");
  },
  "exec: a step's variables win over the environment's own": async ({ job }) => {
    const path = `/nowhere:${job.baseEnv["PATH"] ?? "/usr/bin:/bin"}`;
    expect((await sh(job, 'echo "$PATH"', { env: { PATH: path } })).stdout).toEqual([path]);
  },
  "exec: marks every process with RUNNER_TRACKING_ID": async ({ job }) => {
    const ran = await sh(job, 'echo "$RUNNER_TRACKING_ID"', { env: { RUNNER_TRACKING_ID: "mine" } });
    expect(ran.stdout).not.toEqual(["mine"]);
    expect(ran.stdout[0]).not.toBe("");
  },
  "exec: runs in the working directory": async ({ job }) => {
    await sh(job, "mkdir -p 'a b/c'");
    const cwd = `${job.paths.workspace}/a b/c`;
    expect((await sh(job, "pwd", { cwd })).stdout).toEqual([cwd]);
  },
  "exec: standard input is empty": async ({ job }) => {
    expect(await sh(job, "cat; echo end")).toEqual({ exit: { kind: "exited", code: 0 }, stdout: ["end"], stderr: [] });
  },
  "exec: steps of a job share its files": async ({ job }) => {
    await sh(job, "echo hello > file");
    expect((await sh(job, "cat file")).stdout).toEqual(["hello"]);
  },
  "exec: a missing program does not start, and is named": async ({ job }) => {
    const { exit } = await run(job, ["no-such-program-here"]);
    expect(exit.kind).toBe("not-started");
    expect(exit.kind === "not-started" && exit.error.message).toContain("no-such-program-here");
  },
  "exec: a missing working directory does not start, and is named": async ({ job }) => {
    const cwd = `${job.paths.workspace}/no-such-folder`;
    const { exit } = await sh(job, "true", { cwd });
    expect(exit.kind).toBe("not-started");
    expect(exit.kind === "not-started" && exit.error.message).toContain(cwd);
  },
  "exec: a pseudo-terminal is one": async ({ job }) => {
    const ran = await sh(job, "test -t 0 && test -t 1 && echo tty; echo err >&2; exit 3", { pty: true });
    expect(ran).toEqual({ exit: { kind: "exited", code: 3 }, stdout: ["tty", "err"], stderr: [] });
  },
  "exec: without asking there is no terminal": async ({ job }) => {
    expect((await sh(job, "test -t 1 || test -t 2 || echo none")).stdout).toEqual(["none"]);
  },
};

const outputs: Tests = {
  "output: tells stdout from stderr": async ({ job }) => {
    const ran = await sh(job, "echo out; echo err >&2");
    expect(ran).toEqual({ exit: { kind: "exited", code: 0 }, stdout: ["out"], stderr: ["err"] });
  },
  "output: can be opened by name": async ({ job }) => {
    const ran = await sh(job, "echo out > /dev/stdout; echo err > /dev/stderr");
    expect(ran).toEqual({ exit: { kind: "exited", code: 0 }, stdout: ["out"], stderr: ["err"] });
  },
  "output: keeps the order and the content of lines": async ({ job }) => {
    const ran = await sh(job, "printf 'a\\r\\n\\n  b \\nc\\rd\\n\\ttab\\033[1m\\n'");
    expect(ran.stdout).toEqual(["a", "", "  b ", "c\rd", "\ttab\u001b[1m"]);
  },
  "output: the last line needs no line end": async ({ job }) => {
    const ran = await sh(job, "printf 'one\\ntwo'; printf three >&2");
    expect([ran.stdout, ran.stderr]).toEqual([["one", "two"], ["three"]]);
  },
  "output: comes while the step runs": async ({ job }) => {
    const seen: string[] = [];
    const exec = sh(job, "echo now; while [ ! -e go ]; do sleep 0.02; done; echo later", {
      output: (line) => void seen.push(line),
    });
    await eventually("the first line", () => seen.length === 1);
    await job.writeFile(`${job.paths.workspace}/go`, "");
    await exec;
    expect(seen).toEqual(["now", "later"]);
  },
  "output: 200,000 lines arrive complete and in order": async ({ job }) => {
    let next = 1;
    const { exit } = await sh(job, "seq 200000", {
      output: (line) => {
        if (line === String(next)) next += 1;
      },
    });
    expect([exit, next]).toEqual([{ kind: "exited", code: 0 }, 200_001]);
  },
  "output: a line of 3 MiB comes in bounded pieces": async ({ job }) => {
    const { stdout } = await sh(job, "head -c 3145728 /dev/zero | tr '\\0' x; echo; echo end");
    expect(stdout.at(-1)).toBe("end");
    expect(stdout.slice(0, -1).join("").length).toBe(3_145_728);
    expect(Math.max(...stdout.map((line) => line.length))).toBeLessThanOrEqual(1_048_576);
  },
  "output: what is not UTF-8 is replaced, the rest stays": async ({ job }) => {
    expect((await sh(job, "printf 'a\\377b\\303\\274\\n'")).stdout).toEqual(["a\ufffdbü"]);
  },
  "output: a sink that pushes back holds up the process": async ({ job }) => {
    const gate = Promise.withResolvers<void>();
    let lines = 0;
    const exec = sh(job, "seq 400000; echo done > done", {
      output: () => {
        lines += 1;
        return lines === 1 ? gate.promise : undefined;
      },
    });
    await eventually("the first line", () => lines === 1);
    // 400,000 lines are more than all pipes and buffers hold, so the step cannot have come to its end.
    await sh(job, "sleep 0.2");
    expect([lines, (await sh(job, "test -e done")).exit]).toEqual([1, { kind: "exited", code: 1 }]);
    gate.resolve();
    await exec;
    expect(lines).toBe(400_000);
  },
  "output: a slow sink gets all lines of a process that has exited": async ({ job }) => {
    const seen: string[] = [];
    const { exit } = await sh(job, "seq 8", {
      output: async (line) => {
        await sh(job, "sleep 0.1");
        seen.push(line);
      },
    });
    expect([exit.kind, seen]).toEqual(["exited", ["1", "2", "3", "4", "5", "6", "7", "8"]]);
  },
  "output: a background process that holds it open does not hold up the step": async ({ job }) => {
    const seconds = uniqueSleep();
    const ran = await sh(job, `sleep ${seconds} & echo started`);
    expect(ran).toEqual({ exit: { kind: "exited", code: 0 }, stdout: ["started"], stderr: [] });
    expect(await runningWith(`sleep\0${seconds}`)).toBe(1);
  },
};

const ends: Tests = {
  "abort: a process that handles SIGINT tidies up, and its last lines arrive": async ({ job }) => {
    const kill = new AbortController();
    const seen: string[] = [];
    const { exit } = await sh(job, "trap 'echo tidy; exit 0' INT; echo ready; while :; do sleep 0.02; done", {
      signal: kill.signal,
      output: (line, stream) => {
        if (stream === "stdout") seen.push(line);
        if (line === "ready") kill.abort("cancelled");
      },
    });
    expect([exit, seen]).toEqual([{ kind: "killed", reason: "cancelled" }, ["ready", "tidy"]]);
  },
  "abort: hands back the reason": async ({ job }) => {
    for (const reason of ["shutdown", "cancelled", "timeout"]) {
      const kill = new AbortController();
      const exec = sh(job, "sleep 100", { signal: kill.signal });
      kill.abort(reason);
      expect((await exec).exit).toEqual({ kind: "killed", reason });
    }
  },
  "abort: before the start nothing runs": async ({ job }) => {
    const { exit } = await sh(job, "touch ran", { signal: AbortSignal.abort("timeout") });
    expect(exit).toEqual({ kind: "killed", reason: "timeout" });
    expect((await sh(job, "test -e ran")).exit).toEqual({ kind: "exited", code: 1 });
  },
  "abort: SIGTERM follows for a process that ignores SIGINT": async ({ job }) => {
    const kill = new AbortController();
    const seen: string[] = [];
    const { exit } = await sh(
      job,
      "trap '' INT; trap 'echo term; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
      {
        signal: kill.signal,
        output: (line, stream) => {
          if (stream === "stdout") seen.push(line); // a shell may tell on stderr that its child was terminated
          if (line === "ready") kill.abort("shutdown");
        },
      },
    );
    expect([exit, seen]).toEqual([{ kind: "killed", reason: "shutdown" }, ["ready", "term"]]);
  },
  "abort: SIGKILL ends a process that ignores all else": async ({ job }) => {
    const kill = new AbortController();
    const { exit } = await sh(job, "trap '' INT TERM; echo ready; while :; do sleep 0.02; done", {
      signal: kill.signal,
      output: () => kill.abort("timeout"),
    });
    expect(exit).toEqual({ kind: "killed", reason: "timeout" });
  },
  "abort: ends the children's children, in the group or out of it": async ({ job }) => {
    const seconds = uniqueSleep();
    const kill = new AbortController();
    const script = `sh -c 'sleep ${seconds} & sleep ${seconds}' & setsid sleep ${seconds} & (setsid sh -c 'trap "" INT TERM; sleep ${seconds}; :' &); wait`;
    const exec = sh(job, script, { signal: kill.signal });
    await eventually("four sleepers", async () => (await runningWith(`sleep\0${seconds}`)) === 4);
    kill.abort("cancelled");
    expect((await exec).exit).toEqual({ kind: "killed", reason: "cancelled" });
    expect(await runningWith(seconds)).toBe(0);
  },
  "abort: leaves the background processes of earlier steps alone": async ({ job }) => {
    const seconds = uniqueSleep();
    await sh(job, `sleep ${seconds} >/dev/null 2>&1 &`);
    const kill = new AbortController();
    await sh(job, "echo ready; sleep 100", { signal: kill.signal, output: () => kill.abort("timeout") });
    expect(await runningWith(`sleep\0${seconds}`)).toBe(1);
    expect((await sh(job, "echo still works")).stdout).toEqual(["still works"]);
  },
  "abort: ends a process on a pseudo-terminal": async ({ job }) => {
    const kill = new AbortController();
    const { exit } = await sh(job, "echo ready; sleep 100", {
      pty: true,
      signal: kill.signal,
      output: () => kill.abort("timeout"),
    });
    expect(exit).toEqual({ kind: "killed", reason: "timeout" });
  },
  "abort: a sink that fails ends the step, and its error comes out": async ({ job }) => {
    const seconds = uniqueSleep();
    const failing = sh(job, `echo line; sleep ${seconds}`, {
      output: () => {
        throw new Error("disk full");
      },
    });
    await expect(failing).rejects.toThrow("disk full");
    expect(await runningWith(seconds)).toBe(0);
  },
};

const lifecycle: Tests = {
  "prepare: the folders are there, empty and writable": async ({ job }) => {
    const { workspace, temp, toolCache } = job.paths;
    const ran = await sh(
      job,
      'ls -A "$W" "$T" | grep -v ":$" | grep .; touch "$W/a" "$T/b"; test -d "$C" && echo cache',
      {
        env: { W: workspace, T: temp, C: toolCache },
      },
    );
    expect(ran).toEqual({ exit: { kind: "exited", code: 0 }, stdout: ["cache"], stderr: [] });
  },
  "prepare: the tool cache is kept between jobs, the rest is not": async ({ subject, job }) => {
    const file = `${job.paths.toolCache}/kept-${nextJobId()}`;
    await job.writeFile(file, "tool");
    await job.writeFile(`${job.paths.workspace}/gone`, "x");
    await job[Symbol.asyncDispose]();
    await using second = await prepare(subject);
    expect(String(await second.readFile(file, { maxBytes: 100 }))).toBe("tool");
    expect((await sh(second, "ls -A")).stdout).toEqual([]);
  },
  "prepare: a cancelled one fails and leaves nothing": async ({ subject }) => {
    const preparing = subject.executor.prepare(
      { id: nextJobId(), repository: "o/r" },
      { signal: AbortSignal.abort("cancelled") },
    );
    await expect(preparing).rejects.toMatchObject({ code: "cancelled" });
    const kill = new AbortController();
    const second = subject.executor.prepare({ id: nextJobId(), repository: "o/r" }, { signal: kill.signal });
    kill.abort("shutdown");
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
  },
  "prepare: jobs at the same time do not see each other": async ({ subject }) => {
    const jobs = await Promise.all([1, 2, 3, 4].map(() => prepare(subject, "same/repo")));
    const results = await Promise.all(
      jobs.map(async (one, index) => {
        await sh(one, `echo ${index} > mine; sleep 0.05; ls -A > list`);
        return (await sh(one, "cat mine list")).stdout;
      }),
    );
    expect(results).toEqual(["0", "1", "2", "3"].map((index) => [index, "list", "mine"]));
    await jobs[0]?.[Symbol.asyncDispose]();
    expect((await sh(jobs[1] as JobEnvironment, "cat mine")).stdout).toEqual(["1"]);
    await Promise.all(jobs.map((one) => one[Symbol.asyncDispose]()));
  },
  "dispose: ends what a step left in the background": async ({ job }) => {
    const seconds = uniqueSleep();
    await sh(
      job,
      `sleep ${seconds} >/dev/null 2>&1 & (setsid sh -c 'trap "" INT TERM HUP; sleep ${seconds}; :' >/dev/null 2>&1 &)`,
    );
    await eventually("the sleepers", async () => (await runningWith(`sleep\0${seconds}`)) === 2);
    await job[Symbol.asyncDispose]();
    expect(await runningWith(seconds)).toBe(0);
  },
  "dispose: twice, and at the same time, is one": async ({ job }) => {
    await Promise.all([job[Symbol.asyncDispose](), job[Symbol.asyncDispose]()]);
    await job[Symbol.asyncDispose]();
  },
  "dispose: during an exec ends it": async ({ job }) => {
    const started = Promise.withResolvers<void>();
    const exec = sh(job, "trap '' INT TERM; echo ready; while :; do sleep 0.02; done", {
      output: () => started.resolve(),
    });
    await started.promise;
    await job[Symbol.asyncDispose]();
    expect((await exec).exit.kind).toBe("killed");
  },
  "dispose: while the sink holds everything up": async ({ job }) => {
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const exec = sh(job, "seq 400000", {
      output: () => {
        started.resolve();
        return gate.promise;
      },
    });
    await started.promise;
    await job[Symbol.asyncDispose]();
    gate.resolve();
    expect((await exec).exit.kind).toBe("killed");
  },
  "dispose: later execs do not start": async ({ job }) => {
    await job[Symbol.asyncDispose]();
    expect((await sh(job, "true")).exit.kind).toBe("not-started");
  },
  "dispose: removes what is hard to remove": async ({ job }) => {
    await sh(
      job,
      "mkdir -p locked/in readonly/in && touch locked/in/f readonly/in/f && ln -s / root && mkfifo pipe && chmod 000 locked && chmod -R a-w readonly",
    );
  },
  "dispose: after a step that did not start": async ({ job }) => {
    await run(job, ["no-such-program-here"]);
    await job[Symbol.asyncDispose]();
  },
};

const files: Tests = {
  "files: what is written is read, by us and by the job": async ({ job }) => {
    const path = `${job.paths.temp}/deep/er/file.txt`;
    await job.writeFile(path, "grüße\n");
    expect(String(await job.readFile(path, { maxBytes: 100 }))).toBe("grüße\n");
    await job.writeFile(path, new Uint8Array([0, 255]));
    expect(await job.readFile(path, { maxBytes: 2 })).toEqual(Buffer.from([0, 255]));
    expect((await sh(job, `echo more >> '${path}' && echo ok`)).stdout).toEqual(["ok"]);
  },
  "files: a mode can be given": async ({ job }) => {
    const path = `${job.paths.temp}/script.sh`;
    await job.writeFile(path, "#!/bin/sh\necho ran\n", { mode: 0o755 });
    expect((await run(job, [path])).stdout).toEqual(["ran"]);
  },
  "files: what the job wrote is read; what is missing is undefined": async ({ job }) => {
    await sh(job, "echo A=1 > out");
    expect(String(await job.readFile(`${job.paths.workspace}/out`, { maxBytes: 100 }))).toBe("A=1\n");
    expect(await job.readFile(`${job.paths.workspace}/none/at/all`, { maxBytes: 100 })).toBeUndefined();
  },
  "files: one that is too large is refused": async ({ job }) => {
    const path = `${job.paths.temp}/large`;
    await job.writeFile(path, "12345");
    await expect(job.readFile(path, { maxBytes: 4 })).rejects.toMatchObject({ code: "exhausted" });
  },
  "files: one outside of the job's folders is refused": async ({ job }) => {
    await expect(job.readFile("/etc/passwd", { maxBytes: 100_000 })).rejects.toMatchObject({ code: "invalid" });
    await expect(job.writeFile(`${job.paths.workspace}/../../x`, "")).rejects.toMatchObject({ code: "invalid" });
  },
  "files: a link to the outside is refused": async ({ job }) => {
    await sh(job, "ln -s /etc/hostname read; ln -s /tmp dir; ln -s /tmp/act-runner-escaped write");
    const { workspace } = job.paths;
    await expect(job.readFile(`${workspace}/read`, { maxBytes: 100_000 })).rejects.toMatchObject({ code: "invalid" });
    await expect(job.writeFile(`${workspace}/write`, "")).rejects.toMatchObject({ code: "invalid" });
    await expect(job.writeFile(`${workspace}/dir/act-runner-escaped`, "")).rejects.toMatchObject({ code: "invalid" });
  },
  "files: a fifo or a device does not hang the reader": async ({ job }) => {
    await sh(job, "mkfifo pipe; ln -s /dev/zero zero");
    await expect(job.readFile(`${job.paths.workspace}/pipe`, { maxBytes: 100 })).rejects.toMatchObject({
      code: "invalid",
    });
    await expect(job.writeFile(`${job.paths.workspace}/pipe`, "x")).rejects.toMatchObject({ code: "invalid" });
    await expect(job.readFile(`${job.paths.workspace}/zero`, { maxBytes: 100 })).rejects.toMatchObject({
      code: "invalid",
    });
  },
  "which: finds programs on the job's own PATH": async ({ job }) => {
    const found = await job.which("sh", {});
    expect(found).toMatch(/\/sh$/);
    expect(await job.which("no-such-program-here", {})).toBeUndefined();
    await job.writeFile(`${job.paths.temp}/bin/own-tool`, "#!/bin/sh\n", { mode: 0o755 });
    await job.writeFile(`${job.paths.temp}/bin/no-tool`, "", { mode: 0o644 });
    const env = { PATH: `${job.paths.temp}/bin:/usr/bin:/bin` };
    expect(await job.which("own-tool", env)).toBe(`${job.paths.temp}/bin/own-tool`);
    expect(await job.which("no-tool", env)).toBeUndefined();
  },
};
