import type { Engine } from "../../drivers/docker/engine.ts";
import { runExec } from "../../drivers/docker/run-exec.ts";
import type { Clock } from "../../lib/clock.ts";

/** Where the kernel counts, in version 2 and 1 of the control groups. */
const COUNTERS = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/**
 * How many processes of a container the kernel has killed for want of memory, 0 where it does not tell. Engines only
 * know it of a container's first process, not of an exec.
 */
export async function readOomKills(
  engine: Engine,
  container: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number> {
  const counts: number[] = [];
  await runExec(
    engine,
    container,
    { argv: ["cat", ...COUNTERS], cwd: "/", env: {}, pty: false },
    {
      signal,
      marker: "ACT_RUNNER_OOM=1",
      clock,
      output: (line, stream) => {
        const match = stream === "stdout" ? /^oom_kill (\d+)$/.exec(line) : null;
        if (match !== null) counts.push(Number(match[1]));
      },
    },
  );
  return Math.max(0, ...counts);
}
