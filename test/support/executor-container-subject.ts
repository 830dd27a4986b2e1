import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../src/drivers/docker/engine.ts";
import { FLAVOURS } from "../../src/drivers/docker/engine-flavour.ts";
import { ContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { ownerFilter } from "../../src/executors/container/container-labels.ts";
import type { ContainerExecutorOptions } from "../../src/executors/container/container-options.ts";
import type { Executor, JobSpec } from "../../src/executors/executor.ts";
import { systemIds } from "../../src/lib/ids.ts";
import type { TestEngine } from "./engines.ts";
import type { ExecutorSubject } from "./executor-subject.ts";

/** An executor at a test engine, and that engine. */
export interface ContainerSubject extends ExecutorSubject {
  readonly containers: ContainerExecutor;
  readonly engine: Engine;
  readonly options: ContainerExecutorOptions;
}

/** An executor on folders of its own. A job without a container runs in the tests' image. */
export async function containerSubject(
  { name, socket, image }: TestEngine,
  changes: Partial<ContainerExecutorOptions> = {},
): Promise<ContainerSubject> {
  const folder = await mkdtemp(join(tmpdir(), `act-runner-${name}-`));
  const owner = systemIds.uuid();
  const problems: string[] = [];
  const engine = await Engine.connect(FLAVOURS[name], socket);
  const options: ContainerExecutorOptions = {
    name,
    connect: async () => engine,
    workRoot: join(folder, "work"),
    toolCache: join(folder, "tools"),
    owner,
    rules: { policy: { privileged: false, validVolumes: [] }, limits: {}, options: "" },
    pull: "never",
    grace: { interruptMs: 300, terminateMs: 300 },
    drainMs: 500,
    warn: (problem) => void problems.push(`${problem.message}: ${String(problem.cause)}`),
    ...changes,
  };
  const containers = new ContainerExecutor(options);
  const executor: Executor = {
    name,
    capabilities: containers.capabilities,
    prepare: (job: JobSpec, given) => containers.prepare({ container: { image }, ...job }, given),
  };
  return {
    executor,
    containers,
    engine,
    options,
    async leftovers() {
      const left = await engine.labelled(ownerFilter(owner));
      const work = options.workRoot;
      const [jobs, claims] = await Promise.all(
        [work, join(work, ".claims")].map((path) => readdir(path).catch(() => [])),
      );
      return [
        ...problems,
        ...left.containers.map(({ id }) => `container ${id}`),
        ...left.networks.map((id) => `network ${id}`),
        ...left.volumes.map((volume) => `volume ${volume}`),
        ...(jobs ?? []).filter((entry) => ![".claims", ".node"].includes(entry)),
        ...(claims ?? []),
      ];
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
