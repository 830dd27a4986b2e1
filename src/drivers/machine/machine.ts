import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus, freemem, release, totalmem, type } from "node:os";
import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import { runToEnd, type ShortResult } from "../process/run-to-end.ts";

/** The machine and its programs; a text is empty where there is no such program, or it does not answer. */
export interface MachineFacts {
  /** In Go's words: linux, darwin, windows. */
  readonly os: string;
  /** In Go's words: amd64, arm64. */
  readonly arch: string;
  readonly osVersion: string;
  readonly gitVersion: string;
  readonly nodeVersion: string;
  readonly dockerVersion: string;
  readonly podmanVersion: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** How much of it is in use, by all programs. */
export interface MachineUsage {
  /** Share of the processors' time since the call before, from 0 to 1; since the machine's start in the first call. */
  readonly cpu: number;
  readonly memoryBytes: number;
  /** Space that cannot be used any more. */
  readonly diskBytes: number;
}

/** A program that answers slower is not there. */
const ANSWER_MS = 5_000;
const LARGEST_ANSWER = 64 * 1024;
const OS_WORDS: Readonly<Record<string, string>> = { win32: "windows" };
const ARCH_WORDS: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** Looks at the machine that this process runs on. */
export class Machine {
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #clock: Clock;
  #times = { busy: 0, all: 0 };

  /**
   * @param options.env the programs' environment; PATH says where they are
   * @param options.folder an existing folder on the file system that counts
   */
  constructor(options: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly folder: string;
    readonly clock: Clock;
  }) {
    const entries = Object.entries(options.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    this.#env = Object.fromEntries(entries);
    this.#folder = options.folder;
    this.#clock = options.clock;
  }

  /** What does not change often. Asks the programs for their versions, which takes a moment. */
  async facts(): Promise<MachineFacts> {
    const [gitVersion, nodeVersion, dockerVersion, podmanVersion, osVersion, disk] = await Promise.all([
      this.#version("git", "--version"),
      this.#version("node", "--version"),
      this.engineVersion("docker"),
      this.engineVersion("podman"),
      osName(),
      this.#disk(),
    ]);
    return {
      os: OS_WORDS[process.platform] ?? process.platform,
      arch: ARCH_WORDS[process.arch] ?? process.arch,
      ...{ osVersion, gitVersion, nodeVersion, dockerVersion, podmanVersion },
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      diskBytes: disk.total,
    };
  }

  /** Figures of this moment. */
  async usage(): Promise<MachineUsage> {
    const disk = await this.#disk();
    return { cpu: this.#cpu(), memoryBytes: totalmem() - freemem(), diskBytes: disk.total - disk.free };
  }

  /** Bytes that may still be written. */
  async freeDisk(): Promise<number> {
    return (await this.#disk()).free;
  }

  /** Version of a container engine that answers; empty where none does. */
  engineVersion(engine: "docker" | "podman"): Promise<string> {
    const format = engine === "docker" ? "{{.Server.Version}}" : "{{.Client.Version}}";
    return this.#version(engine, "version", "--format", format);
  }

  /** Runs an operator's script. @returns what is wrong, or undefined when it ends with 0 in time */
  async check(script: string, timeoutMs: number): Promise<string | undefined> {
    try {
      const { code, stderr } = await this.#run([script], timeoutMs);
      if (code === 0) return undefined;
      return `the health script ended with ${code}${stderr.trim() === "" ? "" : `: ${lastLine(stderr)}`}`;
    } catch (error) {
      const late = error instanceof AppError && error.code === "cancelled";
      return late
        ? `the health script took longer than ${timeoutMs / 1000} s`
        : `the health script: ${errorText(error)}`;
    }
  }

  async #run(argv: readonly [string, ...string[]], timeoutMs: number): Promise<ShortResult> {
    const late = new AbortController();
    using _ = this.#clock.timer(timeoutMs, () => late.abort());
    return await runToEnd(
      { argv, cwd: this.#folder, env: this.#env },
      { maxBytes: LARGEST_ANSWER, signal: late.signal },
    );
  }

  async #version(...argv: [string, ...string[]]): Promise<string> {
    try {
      const { code, stdout } = await this.#run(argv, ANSWER_MS);
      return code === 0 ? (/\d+(?:\.\d+)+[^\s,)]*/.exec(stdout.toString("utf8"))?.[0] ?? "") : "";
    } catch {
      return "";
    }
  }

  async #disk(): Promise<{ readonly total: number; readonly free: number }> {
    const { bsize, blocks, bavail } = await statfs(this.#folder);
    return { total: bsize * blocks, free: bsize * bavail };
  }

  #cpu(): number {
    let busy = 0;
    let all = 0;
    for (const { times } of cpus()) {
      const sum = times.user + times.nice + times.sys + times.idle + times.irq;
      all += sum;
      busy += sum - times.idle;
    }
    const share = (busy - this.#times.busy) / Math.max(1, all - this.#times.all);
    this.#times = { busy, all };
    return Math.min(1, Math.max(0, share));
  }
}

async function osName(): Promise<string> {
  try {
    const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
    if (name !== undefined) return name;
  } catch {
    // Only Linux has the file.
  }
  return `${type()} ${release()}`;
}

function lastLine(text: string): string {
  return (text.trim().split("\n").at(-1) ?? "").slice(0, 200);
}
