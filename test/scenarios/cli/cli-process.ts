import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../../bin/act-runner-ts.js", import.meta.url));
const EXAMPLES = fileURLToPath(new URL("../../../examples", import.meta.url));

const WORKFLOWS = fileURLToPath(new URL("./workflows", import.meta.url));

/** How a command ended. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command is started. */
export interface StartOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Standard input. */
  readonly input?: string;
  /** The Node that starts the bin. @default the one that runs the tests */
  readonly node?: string;
}

/** A directory of its own with a home in it, where commands are run; disposing ends what still runs, by pid, and removes it. */
export class CliPlace implements AsyncDisposable {
  readonly directory: string;
  readonly #root: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(root: string) {
    this.#root = root;
    this.directory = join(root, "work");
  }

  static async make(): Promise<CliPlace> {
    const place = new CliPlace(await mkdtemp(join(tmpdir(), "cli-scenario-")));
    await mkdir(place.directory);
    return place;
  }

  /** A git work tree with the example workflows and those of these tests, in one commit. */
  async makeWorkTree(): Promise<void> {
    await cp(EXAMPLES, join(this.directory, "examples"), { recursive: true });
    await cp(WORKFLOWS, join(this.directory, "examples"), { recursive: true });
    this.git("init", "--quiet", "--initial-branch=main");
    this.git("add", "examples");
    this.git("-c", "user.name=t", "-c", "user.email=t@example", "commit", "--quiet", "-m", "first");
  }

  git(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync("git", args, { cwd: this.directory, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`);
    return stdout.trim();
  }

  /** Starts a command. */
  start(args: readonly string[], options: StartOptions = {}): StartedCli {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd ?? this.directory,
      env: { PATH: process.env["PATH"], HOME: join(this.#root, "home"), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#children.add(child);
    child.stdin.end(options.input ?? "");
    child.once("exit", () => this.#children.delete(child));
    return new StartedCli(child, args);
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: StartOptions = {}): Promise<CliResult> {
    return await this.start(args, options).ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** A command that runs. */
export class StartedCli {
  readonly ended: Promise<CliResult>;
  readonly #child: ChildProcess;
  readonly #name: string;
  #out = "";
  #err = "";

  constructor(child: ChildProcess, args: readonly string[]) {
    this.#child = child;
    this.#name = args.join(" ");
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#out += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#err += text));
    this.ended = once(child, "close").then(([code]) => ({ code: code as number, out: this.#out, err: this.#err }));
  }

  /** Resolves with the match once the output has it; rejects when the command ends before. */
  async output(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#out);
      if (match !== null) return match;
      const over = await Promise.race([
        this.ended.then(() => true),
        once(this.#child.stdout as NodeJS.ReadableStream, "data").then(() => false),
      ]);
      if (over && !pattern.test(this.#out)) {
        throw new Error(`"${this.#name}" ended without ${pattern}:\n${this.#out}\n${this.#err}`);
      }
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
