import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostExecutor, type HostExecutorOptions } from "../../src/executors/host/host-executor.ts";
import { systemIds } from "../../src/lib/ids.ts";
import type { ExecutorSubject } from "./executor-subject.ts";

/** A host executor on folders of its own. Whatever it could not clean up fails the test. */
export async function hostSubject(options: Partial<HostExecutorOptions> = {}): Promise<ExecutorSubject> {
  const folder = await mkdtemp(join(tmpdir(), "act-runner-host-"));
  await chmod(folder, 0o755); // a step that runs as another user has to get through
  const workRoot = join(folder, "work");
  const problems: string[] = [];
  const executor = await HostExecutor.open({
    workRoot,
    toolCache: join(folder, "tools"),
    owner: systemIds.uuid(),
    grace: { interruptMs: 300, terminateMs: 300 },
    drainMs: 500,
    warn: (problem) => void problems.push(`${problem.message}: ${String(problem.cause)}`),
    ...options,
  });
  return {
    executor,
    async leftovers() {
      const [jobs, claims] = [await readdir(workRoot), await readdir(join(workRoot, ".claims")).catch(() => [])];
      return [...problems, ...jobs.filter((name) => name !== ".claims"), ...claims];
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
