import type { Readable } from "node:stream";
import type { AppError } from "../lib/errors.ts";

/** Name and secret for a registry. */
export interface ImageCredentials {
  readonly username: string;
  readonly password: string;
}

/** A container that a job asks for. */
export interface ContainerSpec {
  readonly image: string;
  readonly credentials?: ImageCredentials;
  readonly env?: Readonly<Record<string, string>>;
  /** `[ip:][host:]container[/protocol]`. */
  readonly ports?: readonly string[];
  /** `target`, `source:target` or `source:target:mode`. */
  readonly volumes?: readonly string[];
  /** Flags of `docker create`, as one writes them for a shell. */
  readonly options?: string;
}

/** A container beside the job. */
export interface ServiceSpec extends ContainerSpec {
  /** The key in the workflow; the other containers of the job reach it by this name. */
  readonly name: string;
  readonly entrypoint?: string;
  readonly command?: string;
}

/** A container of a job as the `job` context shows it. */
export interface ContainerFacts {
  readonly id: string;
  readonly network: string;
  /** Ports of the machine by ports of the container. */
  readonly ports: Readonly<Record<string, string>>;
}

/** What a job needs of the place where it runs. */
export interface JobSpec {
  /** Unique among the jobs of this runner process; used in paths, container names and labels. */
  readonly id: string;
  /** `owner/name`; decides the workspace's path, as GitHub's runner and Gitea's do. */
  readonly repository: string;
  /** The container its steps run in. @default the executor's own choice */
  readonly container?: ContainerSpec;
  /** @default none */
  readonly services?: readonly ServiceSpec[];
}

/** Takes what an executor has to tell the job's log while it prepares and cleans up. */
export type JobLog = (line: string) => void | Promise<void>;

/** Paths as the job sees them (inside a container they differ from the host's). */
export interface JobPaths {
  /** The work tree, GITHUB_WORKSPACE; exists and is empty after prepare. */
  readonly workspace: string;
  /** RUNNER_TEMP; empty after prepare. File commands and scripts live below it. */
  readonly temp: string;
  /** RUNNER_TOOL_CACHE; kept between jobs. */
  readonly toolCache: string;
  /** HOME of steps, or undefined to inherit. */
  readonly home?: string;
}

/** A process to run in a job's environment. */
export interface StepSpec {
  /** The program and its arguments; never holds a secret. The program is looked up in PATH of `env`. */
  readonly argv: readonly [string, ...string[]];
  /** Absolute path as the job sees it; has to exist. */
  readonly cwd: string;
  /** The step's variables. The environment's `baseEnv` lies below them; RUNNER_TRACKING_ID is set above them. */
  readonly env: Readonly<Record<string, string>>;
  /** Run under a pseudo-terminal. @default false */
  readonly pty?: boolean;
}

/**
 * Takes the output of a process, line by line, without line ends; a line of more than 1 Mi characters comes in pieces.
 * A returned promise pushes back: no further line of the step comes before it settles, and in the end the process waits.
 */
export type LineSink = (line: string, stream: "stdout" | "stderr") => void | Promise<void>;

/** Why a step was killed. */
export type KillReason = "shutdown" | "cancelled" | "timeout";

/** Where the image of an action comes from. */
export type ActionImage =
  | { readonly kind: "pull"; readonly image: string }
  | {
      readonly kind: "build";
      /** The files: a folder of this machine that no job can change, or one of the job, by its own path. */
      readonly context: { readonly machine: string } | { readonly job: string };
      /** Path of the Dockerfile in the context. */
      readonly dockerfile: string;
      /** Names the content, so that it is built once. @default it is built anew, and forgotten at the job's end */
      readonly key?: string;
    };

/** A container that runs one stage of an action. */
export interface ActionContainerSpec {
  /** As `prepareImage` gave it. */
  readonly image: string;
  /** @default the image's */
  readonly entrypoint?: string;
  /** @default the image's, where there is no entrypoint */
  readonly args?: readonly string[];
  /** All variables besides the image's; paths of the job's folders are translated. */
  readonly env: Readonly<Record<string, string>>;
}

/** Runs the actions of a job that are images: beside the job, on its files and in its network. */
export interface ActionContainers {
  /** Pulls or builds an image, and returns the name to run it by. @throws AppError */
  prepareImage(source: ActionImage, options: { signal: AbortSignal; log: JobLog }): Promise<string>;
  /** Runs a container to its end and removes it; ends as `JobEnvironment.exec` does. */
  run(spec: ActionContainerSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit>;
}

/**
 * How a step's process ended. Only `not-started` is the infrastructure's fault. A signal that did not come from us
 * counts as exit code 128 + its number. `killed` is whatever was aborted before it ended, also if it then exited with 0.
 */
export type StepExit =
  | { readonly kind: "exited"; readonly code: number; readonly outOfMemory?: true }
  | { readonly kind: "killed"; readonly reason: KillReason }
  | { readonly kind: "not-started"; readonly error: AppError };

/** What is written to a file: all of it, or piece by piece. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/** A file of a job, open for reading. */
export interface OpenFile extends AsyncDisposable {
  /** In bytes, when it was opened. */
  readonly size: number;
  /** The bytes from `start` to before `end`. @default all */
  read(range?: { readonly start: number; readonly end: number }): Readable;
}

/** Where jobs run. `prepare` is called once per job, concurrently for different jobs. */
export interface Executor {
  /** `host`, `docker`, `podman` or `fake`. */
  readonly name: string;
  readonly capabilities: { readonly services: boolean; readonly images: boolean; readonly platform: NodeJS.Platform };
  /** Makes a fresh environment for one job. On failure or abort it leaves nothing behind. */
  prepare(job: JobSpec, options: { signal: AbortSignal; log?: JobLog }): Promise<JobEnvironment>;
}

/**
 * The place where one job's steps run, one after another.
 * Disposing is safe at any time, twice, and after a failed exec; it ends every process of the job and removes its files.
 * It never takes the job's signal.
 */
export interface JobEnvironment extends AsyncDisposable {
  readonly paths: JobPaths;
  /** The job's containers; absent where there are none. */
  readonly containers?: {
    readonly container?: ContainerFacts;
    readonly services: Readonly<Record<string, ContainerFacts>>;
  };
  /** Absent where no engine was set up. */
  readonly actionContainers?: ActionContainers;
  /** The workspace's folder on this machine, where the runner may read files that it does not trust. @default paths.workspace */
  readonly hostWorkspace?: string;
  /** Variables the environment itself adds below everything else (the allowed part of the host's, the image's). */
  readonly baseEnv: Readonly<Record<string, string>>;
  /**
   * Runs one process to its end. When the signal aborts: SIGINT to the process group, after 7.5 s SIGTERM, after another
   * 2.5 s SIGKILL to the whole tree; the signal's reason is a KillReason and comes back in the exit. When the leader goes
   * earlier, what is left of its tree gets SIGTERM at once. Returns after the last line went to `output`; output that a
   * background process holds open is waited for for 5 s. Such a process lives on until the environment is disposed.
   * Never throws for what the process does; rejects only with what `output` threw, after the tree was killed.
   */
  exec(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit>;
  /**
   * Writes one file, making missing folders; the path is the job's. What the content throws comes out of it.
   * @throws AppError invalid when it lies outside of the job's folders (links resolved), or is not a regular file
   */
  writeFile(path: string, content: FileContent, options?: { mode?: number }): Promise<void>;
  /**
   * Reads one small file; undefined when it does not exist. Never waits: a fifo or device is refused.
   * @throws AppError exhausted when it is larger than `maxBytes`, invalid as for writeFile
   */
  readFile(path: string, options: { maxBytes: number }): Promise<Buffer | undefined>;
  /**
   * Opens one file of any size for reading; undefined when it does not exist. The job may still change it.
   * @throws AppError invalid as for writeFile
   */
  openFile(path: string): Promise<OpenFile | undefined>;
  /** The path of a program on the job's own PATH, or undefined. */
  which(program: string, env: Readonly<Record<string, string>>): Promise<string | undefined>;
  /** The path of the Node that this program brings for actions; undefined where it has none that runs there. */
  ownNode(): Promise<string | undefined>;
}
