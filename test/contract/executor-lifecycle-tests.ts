import { buffer } from "node:stream/consumers";
import { expect } from "vitest";
import type { JobEnvironment } from "../../src/executors/executor.ts";
import { eventually } from "../support/eventually.ts";
import { type ExecutorTests, prepare } from "../support/executor-given.ts";
import { nextJobId, run, runningWith, sh, uniqueSleep } from "../support/executor-subject.ts";

const lifecycle: ExecutorTests = {
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

const files: ExecutorTests = {
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
  "files: large ones come and go in pieces, also from the middle": async ({ job }) => {
    const path = `${job.paths.temp}/pieces`;
    const pieces = async function* () {
      for (let piece = 0; piece < 64; piece += 1) yield Buffer.alloc(64 * 1024, piece);
    };
    await job.writeFile(path, pieces());
    await using file = await job.openFile(path);
    if (file === undefined) throw new Error("it is not there");
    expect(file.size).toBe(4 * 1024 * 1024);
    const all = await buffer(file.read());
    expect([all.length, all[0], all.at(-1)]).toEqual([4 * 1024 * 1024, 0, 63]);
    const some = await buffer(file.read({ start: 65_534, end: 65_538 }));
    expect([...some]).toEqual([0, 0, 1, 1]);
    expect((await buffer(file.read({ start: 5, end: 5 }))).length).toBe(0);
    expect(await job.openFile(`${job.paths.temp}/none`)).toBeUndefined();
    await expect(job.openFile("/etc/passwd")).rejects.toMatchObject({ code: "invalid" });
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

/** How a job's environment comes, goes, and handles files. */
export const lifecycleTests: ExecutorTests = { ...lifecycle, ...files };
