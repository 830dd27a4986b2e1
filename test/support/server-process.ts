import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually } from "./eventually.ts";

const BIN = resolve(import.meta.dirname, "../../bin/act-runner-ts.js");
/** Time for a start, generous for a machine that runs other tests. */
const READY_MS = 60_000;
const STOP_MS = 30_000;

/** How the server is started. */
export interface ServerProcessOptions {
  /** Kept at the end. @default a fresh directory that is removed at the end */
  readonly dataDir?: string;
  /** `mysql://…`. @default the embedded SQLite */
  readonly databaseUrl?: string;
  /** Further flags of `server`. */
  readonly args?: readonly string[];
  /** Further variables; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put before the program, such as `taskset -c 0`. */
  readonly prefix?: readonly string[];
  /** Options of node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** A server in a process of its own, on 127.0.0.1 and a port that stays the same over restarts. */
export class ServerProcess implements AsyncDisposable {
  readonly dataDir: string;
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;
  #output = "";
  #server = "";
  #token = "";

  private constructor(options: ServerProcessOptions, dataDir: string) {
    this.#options = options;
    this.dataDir = dataDir;
  }

  /** Starts a server and waits until it serves. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "server-")));
    const server = new ServerProcess(options, dataDir);
    try {
      await server.restart();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** `http://127.0.0.1:port`. */
  get url(): string {
    return this.#server;
  }

  /** The admin API token, from `cli.json`. */
  get adminToken(): string {
    return this.#token;
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return new URL(this.#server).host;
  }

  /** Process id; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Everything that all starts so far have printed. */
  get output(): string {
    return this.#output;
  }

  /** Starts it again on the same data and the same port, and waits until it serves. */
  async restart(): Promise<void> {
    if (this.#child !== undefined) throw new Error("the server runs already");
    const startedAt = Date.now();
    const child = this.#spawn();
    this.#child = child;
    const exited = once(child, "exit");
    exited.catch(() => undefined);
    child.stdout?.on("data", (chunk) => (this.#output += chunk));
    child.stderr?.on("data", (chunk) => (this.#output += chunk));
    child.once("error", (error) => (this.#output += `${error}\n`));
    child.once("exit", () => (this.#child = undefined));
    try {
      await eventually("the server to serve", () => this.#ready(child, startedAt), READY_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}; it printed:\n${this.#output}`, { cause: error });
    }
  }

  /** Ends it like a power cut: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Asks it to end and waits. Resolves to its exit code; null where it had to be killed or did not run. */
  async stop(): Promise<number | null> {
    return await this.#end("SIGTERM");
  }

  /** A request to `/api/v1` with the admin token (another one, or none: null). Any status is an answer. */
  async api(method: string, path: string, body?: unknown, token: string | null = this.#token): Promise<ApiAnswer> {
    const response = await fetch(`${this.#server}/api/v1${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: parsed(text) };
  }

  /** Like `api`, but anything else than a success throws, with what the server said. Returns the JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by the tests, not by types
  async get(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.api(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** Kills it where it runs, and removes its data where they are its own. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#options.dataDir === undefined) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }

  #spawn(): ChildProcess {
    const { databaseUrl, args = [], env = {}, prefix = [], nodeArgs = [] } = this.#options;
    const listen = this.#server === "" ? "127.0.0.1:0" : this.address;
    const [program = process.execPath, ...rest] = [
      ...[...prefix, process.execPath, ...nodeArgs, BIN, "server"],
      ...["--listen", listen, "--data-dir", this.dataDir, ...args],
    ];
    return spawn(program, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...ownEnvironment(),
        ...(databaseUrl === undefined ? {} : { ACT_RUNNER_DATABASE_URL: databaseUrl }),
        ...env,
      },
    });
  }

  async #ready(child: ChildProcess, startedAt: number): Promise<boolean> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new Error(`the server ended with ${child.exitCode ?? child.signalCode ?? "no start"}`);
    }
    const path = join(this.dataDir, "cli.json");
    const writtenAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    // Older than this start, it is that of another server on the same data.
    if (writtenAt < startedAt) return false;
    const text = await readFile(path, "utf8").catch(() => "");
    const found = parsed(text);
    if (typeof found?.server !== "string") return false;
    // At the first start the port is not known before the file names it.
    const answer = await fetch(`${found.server}/healthz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status !== 200) return false;
    this.#server = found.server;
    this.#token = found.token;
    return true;
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.pid === undefined) return null;
    const exited = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    const [code] = await exited;
    clearTimeout(timer);
    return code as number | null;
  }
}

/** An answer of the REST interface. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  /** undefined where the text is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by the tests, not by types
  readonly json: any;
}

/** This process's environment without the settings of our programs, so that those of a developer do not change a test. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === "ACT_RUNNER_TEST_RUN" || !/^(ACT_RUNNER_|GITEA_|FORGEJO_|GITHUB_|VITEST)/.test(name),
  );
  return Object.fromEntries(kept);
}

// biome-ignore lint/suspicious/noExplicitAny: see ApiAnswer
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
