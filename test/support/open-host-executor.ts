import { join } from "node:path";
import { HostExecutor } from "../../src/executors/host/host-executor.ts";
import { systemIds } from "../../src/lib/ids.ts";

/** A host executor whose jobs and tools are in a folder. What it cannot clean up is thrown. */
export function openHostExecutor(folder: string): Promise<HostExecutor> {
  return HostExecutor.open({
    workRoot: join(folder, "jobs"),
    toolCache: join(folder, "tools"),
    owner: systemIds.uuid(),
    environment: { PATH: process.env["PATH"] },
    warn: (problem) => {
      throw problem;
    },
  });
}
