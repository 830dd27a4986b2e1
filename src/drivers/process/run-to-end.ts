import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { AppError } from "../../lib/errors.ts";
import { exitCode } from "./exit-code.ts";
import { startError } from "./start-error.ts";

/** A short program whose whole output is wanted. */
export interface ShortProcess {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The complete environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

/** What such a program said. */
export interface ShortResult {
  /** Its exit code; 128 + the signal's number where a signal ended it. */
  readonly code: number;
  readonly stdout: Buffer;
  /** The end of its standard error, at most 64 Ki characters. */
  readonly stderr: string;
}

const STDERR_KEPT = 64 * 1024;

/**
 * Runs a short program to its end, its output in memory, its input empty. Aborting kills its group at once.
 * @throws AppError not_found, forbidden (it could not be started), exhausted (more than `maxBytes` of output), cancelled
 */
export async function runToEnd(
  spec: ShortProcess,
  options: { maxBytes: number; signal?: AbortSignal | undefined },
): Promise<ShortResult> {
  const [program, ...args] = spec.argv;
  const { signal, maxBytes } = options;
  if (signal?.aborted) throw new AppError("cancelled", `${program} was not run, because the work was cancelled`);
  const child = spawn(program, args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = new Capture(maxBytes, () => killGroup(child));
  child.stdout.on("data", (chunk: Buffer) => output.add(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.addError(chunk));
  const kill = () => killGroup(child);
  signal?.addEventListener("abort", kill);
  try {
    const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (signal?.aborted) throw new AppError("cancelled", `${program} was ended, because the work was cancelled`);
    return output.result(program, exitCode(code, killedBy));
  } catch (error) {
    throw error instanceof AppError ? error : await startError(spec, error);
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/** SIGKILL to a child that leads its own group, and to the group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // ESRCH: it is gone already
  }
}

/** Bounded memory for a program's output. */
class Capture {
  readonly #maxBytes: number;
  readonly #tooMuch: () => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #stderr = "";

  constructor(maxBytes: number, tooMuch: () => void) {
    this.#maxBytes = maxBytes;
    this.#tooMuch = tooMuch;
  }

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#maxBytes) this.#tooMuch();
    else this.#chunks.push(chunk);
  }

  addError(chunk: Buffer): void {
    this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-STDERR_KEPT);
  }

  /** @throws AppError exhausted */
  result(program: string, code: number): ShortResult {
    if (this.#size > this.#maxBytes) {
      throw new AppError("exhausted", `${program} printed more than the ${this.#maxBytes} bytes that are allowed`);
    }
    return { code, stdout: Buffer.concat(this.#chunks), stderr: this.#stderr };
  }
}
