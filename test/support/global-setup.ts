import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { leakedFiles, leakedProcesses, TEST_RUN_VARIABLE } from "./leaks.ts";

/** Time that processes get to end after the last test. */
const GRACE_MS = 30_000;

/**
 * Gives a test run a mark in the environment and a temporary directory of its own. At the end the run fails when a
 * process with the mark or a file in the directory is left; those are then removed.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const run = { id: randomUUID(), directory: await realpath(await mkdtemp(join(tmpdir(), "act-runner-test-"))) };
  // Some tests run steps as another user, who has to get through.
  await chmod(run.directory, 0o711);
  const before = process.env["TMPDIR"];
  process.env[TEST_RUN_VARIABLE] = run.id;
  process.env["TMPDIR"] = run.directory;
  return async () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    delete process.env[TEST_RUN_VARIABLE];
    const left = await afterGrace(run);
    for (const { pid, marked } of left.processes) if (marked) tryKill(pid);
    // What cannot be removed (a mount) is in the list; retries of a deep folder would take for ever.
    await rm(run.directory, { recursive: true, force: true }).catch(() => undefined);
    if (left.processes.length + left.files.length > 0) {
      const lines = [...left.processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...left.files];
      throw new Error(`the tests left something behind:\n  ${lines.join("\n  ")}`);
    }
  };
}

async function afterGrace(run: { id: string; directory: string }) {
  const end = Date.now() + GRACE_MS;
  for (;;) {
    const processes = await leakedProcesses(run, process.pid);
    const files = await leakedFiles(run.directory);
    if (processes.length + files.length === 0 || Date.now() > end) return { processes, files };
    await delay(100);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}
