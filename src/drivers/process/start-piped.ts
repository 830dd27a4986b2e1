import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { exitCode } from "./exit-code.ts";
import type { LinePump } from "./line-pump.ts";
import { PipeSupply } from "./output-pipes.ts";
import type { ProcessSpec, Started } from "./process-spec.ts";

/**
 * Starts a program with pipes for its output, in a session of its own.
 * @param supply where the pipes come from; the first of a new one brings no more than is taken
 * @throws what spawn throws; the signal's reason when it aborted before the start
 */
export async function startPiped(
  spec: ProcessSpec,
  pump: LinePump,
  signal: AbortSignal,
  supply: PipeSupply = new PipeSupply(),
): Promise<Started> {
  using pipes = await supply.take();
  signal.throwIfAborted();
  const [program, ...args] = spec.argv;
  const child = spawn(program, args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ["ignore", ...pipes.childEnds],
    ...spec.user,
  });
  const exited = once(child, "exit").then(([code, killedBy]) => exitCode(code, killedBy));
  if (child.pid === undefined) await exited; // rejects with the reason
  const { stdout, stderr } = pipes.take(child);
  return {
    pid: pidOf(child),
    exited,
    drained: Promise.all([pump.carry(stdout, "stdout"), pump.carry(stderr, "stderr")]).then(() => undefined),
    close: () => {
      stdout.destroy();
      stderr.destroy();
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("a process that did not start has no id");
  return child.pid;
}
