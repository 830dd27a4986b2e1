import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { ownEnvironment } from "../support/server-process.ts";

const BIN = resolve(import.meta.dirname, "../../bin/act-runner-ts.js");
const STOP_MS = 30_000;

/** Our runner in a process of its own; all that it writes is below one directory that goes with it. */
export class RunnerProcess implements AsyncDisposable {
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess;
  #output = "";

  private constructor(directory: string, env: NodeJS.ProcessEnv) {
    this.#directory = directory;
    this.#env = env;
    this.#child = this.#spawn();
  }

  /** Process id. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Path of its registration. */
  get file(): string {
    return join(this.#directory, ".runner");
  }

  /** Ends it like a power cut, and starts it again. */
  async crash(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
    this.#child = this.#spawn();
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [BIN, "daemon"], {
      ...{ cwd: this.#directory, env: this.#env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    return child;
  }

  /** Registers with the server and starts to take jobs. @param more variables, such as settings */
  static async start(
    server: string,
    token: string,
    labels: string,
    more: NodeJS.ProcessEnv = {},
  ): Promise<RunnerProcess> {
    const directory = await mkdtemp(join(tmpdir(), "runner-"));
    const env = { ...ownEnvironment(), HOME: directory, XDG_CACHE_HOME: join(directory, "cache"), ...more };
    const flags = ["--no-interactive", "--instance", server, "--labels", labels];
    await promisify(execFile)(process.execPath, [BIN, "register", ...flags], {
      cwd: directory,
      env: { ...env, ACT_RUNNER_REGISTRATION_TOKEN: token },
    });
    return new RunnerProcess(directory, env);
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Ends it, job or not, and removes its directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      // The first lets jobs end, the second does not; both are waited for, so that the job's processes are ended.
      this.#child.kill("SIGTERM");
      this.#child.kill("SIGINT");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
    }
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
