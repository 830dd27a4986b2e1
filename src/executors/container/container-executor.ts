import { chmod, mkdir, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import type Docker from "dockerode";
import type { Engine } from "../../drivers/docker/engine.ts";
import { pullImage } from "../../drivers/docker/pull-image.ts";
import { systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { Mutex } from "../../lib/mutex.ts";
import type {
  ActionContainers,
  ContainerFacts,
  ContainerSpec,
  Executor,
  JobEnvironment,
  JobLog,
  JobPaths,
  JobSpec,
} from "../executor.ts";
import { JobFolders } from "../host/job-folders.ts";
import { ActionPaths } from "./action-paths.ts";
import {
  type ContainerPlan,
  type ContainerRules,
  type FolderMount,
  planContainer,
  withProgram,
} from "./build-container.ts";
import { ContainerJob } from "./container-job.ts";
import { containerLabels, JOB_LABEL, ownerFilter } from "./container-labels.ts";
import type { ContainerExecutorOptions } from "./container-options.ts";
import { emptyFolder } from "./empty-folder.ts";
import { ImageActions } from "./image-actions.ts";
import { LENT_NODE, lendNode } from "./lent-node.ts";
import { MountedFiles } from "./mounted-files.ts";
import { containerFacts, type JobNetwork, startContainer } from "./running-container.ts";
import { type ServicePlan, startServices } from "./services.ts";

/** Services that run beside a job; disposing ends them. */
export interface JobServices extends AsyncDisposable {
  readonly services: Readonly<Record<string, ContainerFacts>>;
  readonly beside: BesideServices;
}

/** Where a container has to be to reach the services of a job. */
export interface BesideServices {
  readonly network: JobNetwork;
  /** `name:address` of each, for engines that do not resolve aliases. */
  readonly hosts: readonly string[];
}

/** A job's folder: on this machine, and as the job sees it. */
interface JobRoot {
  readonly root: string;
  readonly jobRoot: string;
  readonly paths: JobPaths;
  readonly files: MountedFiles;
}

/** Where a job's folders are in its container; GitHub's runner has them there. */
const INSIDE = { work: "/__w", toolCache: "/__t", home: "/github/home" };
const SERVICE_READY_MS = 5 * 60_000;

/** Runs each job in a container of its own, with a network for it and its services. */
export class ContainerExecutor implements Executor {
  readonly capabilities = { services: true, images: true, platform: "linux" } as const;
  readonly #options: ContainerExecutorOptions;
  readonly #live = new Set<string>();
  readonly #opening = new Mutex();
  #engine: Engine | undefined;

  constructor(options: ContainerExecutorOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /**
   * Reaches the engine and cleans what an earlier run of the same runner left; the first job does it too.
   * @throws AppError unavailable when the engine does not answer, or the folders cannot be made
   */
  open(): Promise<Engine> {
    return this.#opening.run(async () => {
      if (this.#engine !== undefined) return this.#engine;
      const engine = await this.#options.connect();
      for (const folder of [this.#options.workRoot, this.#options.toolCache]) await makeFolder(folder);
      await this.#cleanOrphans(engine);
      this.#engine = engine;
      return engine;
    });
  }

  async prepare(job: JobSpec, options: { signal: AbortSignal; log?: JobLog }): Promise<JobEnvironment> {
    const { owner, rules, clock = systemClock, grace, drainMs, warn } = this.#options;
    const { signal, log = () => undefined } = options;
    checkNotCancelled(job, signal);
    if (job.container === undefined) throw noImage(job);
    const plan = planContainer(job.container, rules, "the job's container");
    const services = planServices(job, rules);
    const engine = await this.open();
    await using stack = new AsyncDisposableStack();
    this.#claim(job, stack);
    const { paths, hostPaths, mounts } = await this.#createFolders(job, engine, stack);
    const image = await this.#pull(engine, job.container, plan, { signal, log });
    const { network, running, prefix, labels } = await this.#start(engine, job, services, { signal, log }, stack);
    await log(`Starting the job's container (${image})`);
    const container = await startContainer(plan, {
      ...{ engine, name: prefix, image, labels, network, aliases: ["job"], hosts: running.hosts },
      ...this.#jobSettings(engine, paths, mounts),
    });
    this.#undo(stack, () => engine.removeContainer(container));
    const { facts, env, user } = await containerFacts(engine, container);
    await openFolders(user, hostPaths);
    checkNotCancelled(job, signal);
    const remains = stack.move();
    const files = new MountedFiles(mounts.filter(({ readOnly }) => readOnly !== true));
    const folder = { root: this.#folders().jobRoot(job.id), jobRoot: INSIDE.work, paths, files };
    return new ContainerJob({
      ...{ id: job.id, owner, engine, container, paths, files, grace, drainMs, clock, warn },
      hostWorkspace: hostPaths.workspace,
      lentNode: this.#options.node === undefined ? undefined : LENT_NODE,
      actionContainers: this.#imageActions(engine, job, folder, { network, hosts: running.hosts }, remains),
      baseEnv: { ...env, HOME: INSIDE.home },
      containers: { container: facts, services: running.facts },
      remove: () => remains.disposeAsync(),
    });
  }

  /** Starts the services of a job that runs elsewhere on this machine. On failure or abort it leaves nothing behind. */
  async prepareServices(job: JobSpec, options: { signal: AbortSignal; log?: JobLog }): Promise<JobServices> {
    const { signal, log = () => undefined } = options;
    checkNotCancelled(job, signal);
    const services = planServices(job, this.#options.rules);
    const engine = await this.open();
    await using stack = new AsyncDisposableStack();
    this.#claim(job, stack);
    const { running, network } = await this.#start(engine, job, services, { signal, log }, stack);
    const remains = stack.move();
    return {
      services: running.facts,
      beside: { network, hosts: running.hosts },
      [Symbol.asyncDispose]: () => remains.disposeAsync(),
    };
  }

  /**
   * What runs the docker actions of a job whose steps are processes of this machine. Disposing removes what it made.
   * @throws AppError unavailable when the engine does not answer
   */
  async prepareActions(
    job: JobSpec,
    paths: JobPaths,
    beside?: BesideServices,
  ): Promise<ActionContainers & AsyncDisposable> {
    const engine = await this.open();
    await using stack = new AsyncDisposableStack();
    const network = beside?.network ?? (await this.#network(engine, this.#prefix(job), this.#labels(job), stack));
    const remains = stack.move();
    const root = dirname(paths.temp);
    const folder = { root, jobRoot: root, paths, files: new MountedFiles([{ source: root, target: root }]) };
    const actions = this.#imageActions(engine, job, folder, { network, hosts: beside?.hosts ?? [] }, remains);
    return {
      prepareImage: (source, options) => actions.prepareImage(source, options),
      run: (spec, options) => actions.run(spec, options),
      [Symbol.asyncDispose]: () => remains.disposeAsync(),
    };
  }

  #imageActions(
    engine: Engine,
    job: JobSpec,
    { root, jobRoot, paths, files }: JobRoot,
    beside: BesideServices,
    stack: AsyncDisposableStack,
  ): ImageActions {
    const { rules, pull = "missing", mountSocket = false, grace, drainMs, clock = systemClock } = this.#options;
    return new ImageActions({
      ...{ engine, prefix: this.#prefix(job), labels: this.#labels(job), ...beside, root, files },
      ...{ rules, pull, mountSocket, grace, drainMs, clock },
      paths: new ActionPaths(root, jobRoot, paths),
      undo: (work) => this.#undo(stack, work),
    });
  }

  #labels({ id }: JobSpec): Record<string, string> {
    return containerLabels(this.#options.owner, id);
  }

  /** Begins the names of all that a job has at the engine. */
  #prefix({ id }: JobSpec): string {
    return `act-runner-${id}-${this.#options.owner.slice(0, 8)}`;
  }

  /** Makes the job's network, and starts its services in it. */
  async #start(
    engine: Engine,
    job: JobSpec,
    services: ReturnType<typeof planServices>,
    { signal, log }: { signal: AbortSignal; log: JobLog },
    stack: AsyncDisposableStack,
  ) {
    const { clock = systemClock, serviceReadyMs = SERVICE_READY_MS } = this.#options;
    const labels = this.#labels(job);
    const prefix = this.#prefix(job);
    const plans: ServicePlan[] = [];
    for (const { spec, name, plan } of services) {
      plans.push({ name, plan, image: await this.#pull(engine, spec, plan, { signal, log }) });
    }
    checkNotCancelled(job, signal);
    const network = await this.#network(engine, prefix, labels, stack);
    const running = await startServices(plans, {
      ...{ engine, labels, network, prefix, readyMs: serviceReadyMs, clock, signal, log },
      undo: (work) => this.#undo(stack, work),
    });
    checkNotCancelled(job, signal);
    return { network, running, prefix, labels };
  }

  /** Containers, networks and folders of jobs that this runner did not bring to an end, since it crashed or was killed. */
  async #cleanOrphans(engine: Engine): Promise<void> {
    const { owner, warn } = this.#options;
    const left = await engine.labelled(ownerFilter(owner));
    const images = new Map<string, string>();
    for (const { id, image, labels } of left.containers) {
      images.set(labels[JOB_LABEL] ?? "", image);
      await engine.removeContainer(id);
    }
    for (const id of left.networks) await engine.removeNetwork(id);
    for (const name of left.volumes) await engine.removeVolume(name);
    const folders = this.#folders();
    for (const job of await folders.claimed()) {
      if (this.#live.has(job)) continue;
      try {
        await this.#removeFolders(engine, job, images.get(job));
      } catch (error) {
        const where = folders.jobRoot(job);
        warn(new AppError("unavailable", `${where} is left of an earlier job and could not be removed`, error));
      }
    }
  }

  /** A job is live before anything of it is there, so that nobody takes it for an orphan. */
  #claim({ id }: JobSpec, stack: AsyncDisposableStack): void {
    if (this.#live.has(id)) {
      throw new AppError("conflict", `job ${id} is running already; a job id may be used once`);
    }
    this.#live.add(id);
    stack.defer(() => void this.#live.delete(id));
  }

  async #createFolders(job: JobSpec, engine: Engine, stack: AsyncDisposableStack) {
    const folders = this.#folders();
    const root = folders.jobRoot(job.id);
    const hostPaths = await folders.create(job);
    const image = job.container?.image;
    this.#undo(stack, () => this.#removeFolders(engine, job.id, image));
    const { node } = this.#options;
    const inside = (path: string) => INSIDE.work + path.slice(root.length);
    const paths: JobPaths = {
      workspace: inside(hostPaths.workspace),
      temp: inside(hostPaths.temp),
      toolCache: INSIDE.toolCache,
      home: INSIDE.home,
    };
    const mounts: FolderMount[] = [
      { source: root, target: INSIDE.work },
      { source: await realpath(this.#options.toolCache), target: INSIDE.toolCache },
      { source: hostPaths.home ?? root, target: INSIDE.home },
      ...(this.#options.mounts ?? []),
      ...(node === undefined ? [] : [await lendNode(node, this.#options.workRoot)]),
    ];
    return { paths, hostPaths, mounts };
  }

  async #pull(
    engine: Engine,
    { image, credentials }: ContainerSpec,
    { pull, platform }: ContainerPlan,
    { signal, log }: { signal: AbortSignal; log: JobLog },
  ): Promise<string> {
    const { pull: policy = "missing", clock = systemClock } = this.#options;
    // progress is not worth holding up the pull for
    const tell = (line: string) => void Promise.resolve(log(line)).catch(() => undefined);
    return await pullImage(engine, image, { policy: pull ?? policy, credentials, platform, clock, signal, log: tell });
  }

  async #network(
    engine: Engine,
    name: string,
    labels: Readonly<Record<string, string>>,
    stack: AsyncDisposableStack,
  ): Promise<JobNetwork> {
    const { network = "", ipv6 } = this.#options;
    if (network !== "") return { name: network, own: false };
    const id = await engine.createNetwork(name, labels, ipv6);
    this.#undo(stack, () => engine.removeNetwork(id));
    return { name, own: true };
  }

  #jobSettings(engine: Engine, paths: JobPaths, mounts: readonly FolderMount[]) {
    const { mountSocket } = this.#options;
    const create: Docker.ContainerCreateOptions = {
      Entrypoint: ["tail"],
      Cmd: ["-f", "/dev/null"],
      WorkingDir: paths.workspace,
      Env: ["GITHUB_ACTIONS=true", "CI=true", `HOME=${INSIDE.home}`],
    };
    return {
      create,
      mounts: mounts.map(({ source, target, readOnly = false }): Docker.MountSettings => {
        return { Type: "bind", Source: source, Target: target, ReadOnly: readOnly };
      }),
      binds: mountSocket === true ? [`${engine.socketPath}:/var/run/docker.sock`] : [],
    };
  }

  /** What cannot be undone is told, and does not keep the rest from being undone; the next start tries again. */
  #undo(stack: AsyncDisposableStack, work: () => Promise<void>): void {
    stack.defer(async () => {
      try {
        await work();
      } catch (error) {
        this.#options.warn(error instanceof AppError ? error : new AppError("unavailable", String(error), error));
      }
    });
  }

  /** A runner that is not root cannot remove what a job's root left, but a container can. */
  async #removeFolders(engine: Engine, job: string, image: string | undefined): Promise<void> {
    const folders = this.#folders();
    try {
      await folders.remove(job);
    } catch (error) {
      if (image === undefined) throw error;
      await emptyFolder(engine, image, folders.jobRoot(job), containerLabels(this.#options.owner, job));
      await folders.remove(job);
    }
  }

  #folders(): JobFolders {
    const { workRoot, owner, toolCache } = this.#options;
    return new JobFolders({ root: workRoot, owner, toolCache, home: true });
  }
}

function planServices(job: JobSpec, rules: ContainerRules) {
  return (job.services ?? []).map((spec) => {
    return { name: spec.name, spec, plan: withProgram(planContainer(spec, rules, `the service ${spec.name}`), spec) };
  });
}

/** Where an image has its own user, the job's folders have to be open to it. */
async function openFolders(user: string, { workspace, temp, home }: JobPaths): Promise<void> {
  if (user === "" || user === "0" || user === "root" || /^(0|root):/.test(user)) return;
  for (const folder of [workspace, temp, home]) if (folder !== undefined) await chmod(folder, 0o777);
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new AppError("unavailable", `the folder ${path} cannot be made; check the disk and its owner`, error);
  }
}

function noImage({ id }: JobSpec): AppError {
  return new AppError(
    "invalid",
    `job ${id} has no image to run in: give it a 'container', or register the label as 'name:docker://image'`,
  );
}

function checkNotCancelled(job: JobSpec, signal: AbortSignal): void {
  if (signal.aborted) throw new AppError("cancelled", `job ${job.id} was cancelled while its containers were made`);
}
