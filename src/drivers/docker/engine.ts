import type Docker from "dockerode";
import { AppError, errorText } from "../../lib/errors.ts";
import { engineError, statusOf } from "./engine-error.ts";
import type { EngineFlavour } from "./engine-flavour.ts";

/** What a process in a container is started with. */
export interface EngineExecSpec {
  readonly argv: readonly string[];
  /** @default the container's */
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pty: boolean;
}

/** Name and secret for a registry. */
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** What the engine holds under one label. */
export interface Labelled {
  readonly containers: readonly {
    readonly id: string;
    readonly image: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

const REMOVE_TRIES = 3;

/** Thin client of one container engine over its unix socket. Every method throws an AppError that names what failed. */
export class Engine {
  readonly flavour: EngineFlavour;
  readonly socketPath: string;
  readonly #docker: Docker;

  private constructor(flavour: EngineFlavour, socketPath: string, docker: Docker) {
    this.flavour = flavour;
    this.socketPath = socketPath;
    this.#docker = docker;
  }

  /** @throws AppError unavailable when nothing answers at the socket */
  static async connect(flavour: EngineFlavour, socketPath: string): Promise<Engine> {
    // dockerode is large, and a runner that only works on the host never needs it
    const { default: Client } = await import("dockerode");
    // named, so that DOCKER_HOST of this process does not win over the socket
    const elsewhere = { host: undefined, port: undefined, protocol: "http", headers: {} } as Docker.DockerOptions;
    const engine = new Engine(flavour, socketPath, new Client({ ...elsewhere, socketPath }));
    await engine.#ask(`answer at ${socketPath}`, () => engine.#docker.ping());
    return engine;
  }

  /** Version of the engine and of its interface. */
  async version(): Promise<{ engine: string; api: string }> {
    const { Version, ApiVersion } = await this.#ask("tell its version", () => this.#docker.version());
    return { engine: Version, api: ApiVersion };
  }

  /** The image's configuration, or undefined when it is not on this machine. */
  async image(name: string): Promise<Docker.ImageInspectInfo | undefined> {
    return await this.#find(`look at the image ${name}`, () => this.#docker.getImage(name).inspect());
  }

  /** Fetches an image. `progress` gets a line when a layer changes its state. */
  async pull(
    name: string,
    options: {
      readonly credentials?: RegistryCredentials | undefined;
      readonly registry: string;
      readonly platform?: string | undefined;
      readonly signal: AbortSignal;
      progress(line: string): void;
    },
  ): Promise<void> {
    const { credentials, registry, platform, signal } = options;
    const action = `pull the image ${name}`;
    await this.#ask(action, async () => {
      const stream = await this.#docker.pull(name, {
        ...(platform === undefined ? {} : { platform }),
        abortSignal: signal,
        ...(credentials === undefined ? {} : { authconfig: { ...credentials, serveraddress: registry } }),
      });
      await this.#follow(stream, signal, options.progress);
    });
  }

  /**
   * Builds an image.
   * @param context the files as a tar archive, the Dockerfile among them
   * @throws AppError with the builder's last words when the build failed
   */
  async build(
    context: NodeJS.ReadableStream,
    options: {
      readonly name: string;
      /** The Dockerfile's path in the context. */
      readonly dockerfile: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
      progress(line: string): void;
    },
  ): Promise<void> {
    const { name, dockerfile, labels, signal, progress } = options;
    await this.#ask(`build the image ${name} from ${dockerfile}`, async () => {
      const given = { t: name, dockerfile, labels: { ...labels }, rm: true, forcerm: true, abortSignal: signal };
      await this.#follow(await this.#docker.buildImage(context, given), signal, progress);
    });
  }

  /** Gone already is fine, and so is one that something else still needs. */
  async removeImage(name: string): Promise<void> {
    await this.#find(`remove the image ${name}`, () => this.#docker.getImage(name).remove(), [404, 409]);
  }

  /** @returns the network's id */
  async createNetwork(name: string, labels: Readonly<Record<string, string>>, ipv6 = false): Promise<string> {
    const network = await this.#ask(`make the network ${name}`, () =>
      this.#docker.createNetwork({ Name: name, Labels: { ...labels }, ...(ipv6 ? { EnableIPv6: true } : {}) }),
    );
    return network.id;
  }

  /** Gone already is fine. */
  async removeNetwork(id: string): Promise<void> {
    await this.#find(`remove the network ${id}`, () => this.#docker.getNetwork(id).remove());
  }

  /** @returns the container's id */
  async createContainer(options: Docker.ContainerCreateOptions): Promise<string> {
    const container = await this.#ask(`make a container of ${options.Image ?? "no image"}`, () =>
      this.#docker.createContainer(options),
    );
    return container.id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#ask(`start the container ${id.slice(0, 12)}`, () => this.#docker.getContainer(id).start());
  }

  /** Puts a tar archive into a container that need not run. */
  async putArchive(id: string, archive: NodeJS.ReadableStream, folder: string): Promise<void> {
    await this.#ask(`write into the container ${id.slice(0, 12)}`, () =>
      this.#docker.getContainer(id).putArchive(archive, { path: folder }),
    );
  }

  /** All output of a container from its start on, in frames; to be called before it is started. */
  async attach(id: string): Promise<NodeJS.ReadWriteStream> {
    const options = { stream: true, stdout: true, stderr: true, hijack: true };
    return await this.#ask(`attach to the container ${id.slice(0, 12)}`, () =>
      this.#docker.getContainer(id).attach(options),
    );
  }

  /** Sends a signal to a container; one that does not run is left as it is. */
  async signalContainer(id: string, signal: NodeJS.Signals): Promise<void> {
    const action = `send ${signal} to the container ${id.slice(0, 12)}`;
    await this.#find(action, () => this.#docker.getContainer(id).kill({ signal }), [404, 409]);
  }

  /** What became of a container, or undefined when it is gone. */
  async inspectContainer(id: string): Promise<Docker.ContainerInspectInfo | undefined> {
    return await this.#find(`look at the container ${id.slice(0, 12)}`, () => this.#docker.getContainer(id).inspect());
  }

  /** Waits for the end of a container and returns its exit code. */
  async waitContainer(id: string): Promise<number> {
    const action = `wait for the container ${id.slice(0, 12)}`;
    return (await this.#ask(action, () => this.#docker.getContainer(id).wait())).StatusCode;
  }

  /** Ends all processes of a container; one that does not run is left as it is. */
  async killContainer(id: string): Promise<void> {
    await this.signalContainer(id, "SIGKILL");
  }

  /** Removes a container, running or not, with its anonymous volumes. Gone already, or going, is fine. */
  async removeContainer(id: string): Promise<void> {
    const action = `remove the container ${id.slice(0, 12)}`;
    for (let left = REMOVE_TRIES; ; left -= 1) {
      try {
        await this.#find(action, () => this.#docker.getContainer(id).remove({ force: true, v: true }), [404, 409]);
        return;
      } catch (error) {
        // Podman fails on a container whose state changes as it is removed
        if (left === 1 || statusOf(error) !== 500) throw error;
      }
    }
  }

  /** The end of a container's output, both streams as they came, frames and all. */
  async logs(id: string, lines: number): Promise<Buffer> {
    const options = { follow: false, stdout: true, stderr: true, tail: lines } as const;
    return await this.#ask(`show the logs of ${id.slice(0, 12)}`, () => this.#docker.getContainer(id).logs(options));
  }

  async removeVolume(name: string): Promise<void> {
    await this.#find(`remove the volume ${name}`, () => this.#docker.getVolume(name).remove({ force: true }));
  }

  /** Everything that carries a label. @param label `name=value` */
  async labelled(label: string): Promise<Labelled> {
    const filters = { label: [label] };
    const [containers, networks, volumes] = await this.#ask(`list what carries ${label}`, () =>
      Promise.all([
        this.#docker.listContainers({ all: true, filters }),
        this.#docker.listNetworks({ filters }),
        this.#docker.listVolumes({ filters }),
      ]),
    );
    return {
      containers: containers.map(({ Id, ImageID, Labels }) => ({ id: Id, image: ImageID, labels: Labels ?? {} })),
      networks: networks.map(({ Id }) => Id),
      volumes: (volumes.Volumes ?? []).map(({ Name }) => Name),
    };
  }

  /** Makes an exec ready in a running container. @throws AppError conflict when the container does not run */
  async createExec(container: string, { argv, cwd, env, pty }: EngineExecSpec): Promise<Docker.Exec> {
    return await this.#ask(`start ${argv[0] ?? "nothing"} in the container ${container.slice(0, 12)}`, () =>
      this.#docker.getContainer(container).exec({
        Cmd: [...argv],
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        AttachStdout: true,
        AttachStderr: true,
        Tty: pty,
        ...(cwd === undefined ? {} : { WorkingDir: cwd }),
      }),
    );
  }

  /** Each line of progress is told once; layers repeat theirs while they come. */
  async #follow(stream: NodeJS.ReadableStream, signal: AbortSignal, progress: (line: string) => void): Promise<void> {
    const seen = new Set<string>();
    const tell = ({ id, status, stream: built }: { id?: string; status?: string; stream?: string }) => {
      for (const line of built?.split(/\r?\n/) ?? []) if (line.trim() !== "") progress(line);
      const line = id === undefined ? (status ?? "") : `${id}: ${status ?? ""}`;
      if (line === "" || seen.has(line)) return;
      seen.add(line);
      progress(line);
    };
    const stop = () => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        // an aborted stream never tells its follower
        signal.addEventListener("abort", () => reject(new AppError("cancelled", "it was cancelled")), { once: true });
        this.#docker.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error)), tell);
      });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #ask<T>(action: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw engineError(this.flavour, action, error);
    }
  }

  async #find<T>(action: string, call: () => Promise<T>, missing: readonly number[] = [404]): Promise<T | undefined> {
    try {
      return await this.#ask(action, call);
    } catch (error) {
      if (missing.includes(statusOf(error) ?? 0)) return undefined;
      throw error;
    }
  }
}

/** Whether the engine refused since something it has to run beside the program is not installed (catatonit, for Init). */
export function lacksInit(error: unknown): boolean {
  return error instanceof AppError && /catatonit|init binary|docker-init/i.test(errorText(error));
}
