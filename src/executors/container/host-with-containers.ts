import type {
  ActionContainerSpec,
  ActionContainers,
  ActionImage,
  Executor,
  FileContent,
  JobEnvironment,
  JobLog,
  JobSpec,
  LineSink,
  OpenFile,
  StepExit,
  StepSpec,
} from "../executor.ts";
import { anyEngine } from "./any-engine.ts";
import type { ContainerExecutor, JobServices } from "./container-executor.ts";

/**
 * Runs jobs on the host, but those with a `container` in one; services of host jobs run beside them, and are reached by
 * the ports that they publish. For labels that name no engine.
 */
export class HostWithContainers implements Executor {
  readonly name: string;
  readonly capabilities: Executor["capabilities"];
  readonly #host: Executor;
  readonly #engines: readonly ContainerExecutor[];

  /** @param engines the machine's, the preferred one first */
  constructor(host: Executor, engines: readonly ContainerExecutor[]) {
    this.name = host.name;
    this.capabilities = { ...host.capabilities, services: true, images: true };
    this.#host = host;
    this.#engines = engines;
  }

  async prepare(job: JobSpec, options: { signal: AbortSignal; log?: JobLog }): Promise<JobEnvironment> {
    const { services = [], container } = job;
    if (container !== undefined) return await (await anyEngine(this.#engines)).prepare(job, options);
    await using stack = new AsyncDisposableStack();
    const engine = services.length === 0 ? undefined : await anyEngine(this.#engines);
    const beside = engine && stack.use(await engine.prepareServices(job, options));
    const environment = stack.use(await this.#host.prepare(job, options));
    const actions = new LazyActions(async () => {
      return await (engine ?? (await anyEngine(this.#engines))).prepareActions(job, environment.paths, beside?.beside);
    });
    stack.use(actions);
    return new HostJobWithContainers(environment, { beside, actions, all: stack.move() });
  }
}

/** Most jobs have no docker action: the engine is asked by the first. */
class LazyActions implements ActionContainers, AsyncDisposable {
  readonly #open: () => Promise<ActionContainers & AsyncDisposable>;
  #opened: Promise<ActionContainers & AsyncDisposable> | undefined;

  constructor(open: () => Promise<ActionContainers & AsyncDisposable>) {
    this.#open = open;
  }

  async prepareImage(source: ActionImage, options: { signal: AbortSignal; log: JobLog }): Promise<string> {
    this.#opened ??= this.#open();
    return await (await this.#opened).prepareImage(source, options);
  }

  async run(spec: ActionContainerSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit> {
    this.#opened ??= this.#open();
    return await (await this.#opened).run(spec, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
  }
}

/** A job of the host with containers beside it. */
class HostJobWithContainers implements JobEnvironment {
  readonly containers?: NonNullable<JobEnvironment["containers"]>;
  readonly paths: JobEnvironment["paths"];
  readonly baseEnv: JobEnvironment["baseEnv"];
  readonly actionContainers: ActionContainers;
  readonly #host: JobEnvironment;
  readonly #all: AsyncDisposable;

  constructor(
    host: JobEnvironment,
    parts: { beside: JobServices | undefined; actions: ActionContainers; all: AsyncDisposable },
  ) {
    this.paths = host.paths;
    this.baseEnv = host.baseEnv;
    if (parts.beside !== undefined) this.containers = { services: parts.beside.services };
    this.actionContainers = parts.actions;
    this.#host = host;
    this.#all = parts.all;
  }

  exec(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit> {
    return this.#host.exec(step, options);
  }

  writeFile(path: string, content: FileContent, options?: { mode?: number }): Promise<void> {
    return this.#host.writeFile(path, content, options);
  }

  readFile(path: string, options: { maxBytes: number }): Promise<Buffer | undefined> {
    return this.#host.readFile(path, options);
  }

  openFile(path: string): Promise<OpenFile | undefined> {
    return this.#host.openFile(path);
  }

  which(program: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
    return this.#host.which(program, env);
  }

  ownNode(): Promise<string | undefined> {
    return this.#host.ownNode();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all[Symbol.asyncDispose]();
  }
}
