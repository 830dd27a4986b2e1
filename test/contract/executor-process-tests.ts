import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { ExecutorTests } from "../support/executor-given.ts";
import { run, runningWith, sh, uniqueSleep } from "../support/executor-subject.ts";

/** Starting a step. */
const basics: ExecutorTests = {
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

const outputs: ExecutorTests = {
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

const ends: ExecutorTests = {
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

/** How a step starts, what it prints, and how it ends. */
export const processTests: ExecutorTests = { ...basics, ...outputs, ...ends };
