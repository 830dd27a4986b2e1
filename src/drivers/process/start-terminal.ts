import { access } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { AppError } from "../../lib/errors.ts";
import { findProgram } from "./find-program.ts";
import type { LinePump } from "./line-pump.ts";
import type { ProcessSpec, Started } from "./process-spec.ts";
import { startError } from "./start-error.ts";

/** The part of node-pty that is used; its own types name the module that it is an alias of. */
interface Terminal {
  readonly pid: number;
  onData(listener: (chunk: Buffer) => void): void;
  onExit(listener: (exit: { exitCode: number; signal?: number }) => void): void;
  pause(): void;
  resume(): void;
}

/** What is kept of the output while the sink pushes back. */
const BUFFERED_BYTES = 8 * 1024 * 1024;

/**
 * Starts a program on a pseudo-terminal of 80 × 24; its group is the terminal's foreground.
 * node-pty gives up reading 200 ms after the exit, so it is only paused when the sink is 8 MiB behind.
 * @throws AppError when it cannot be started; the signal's reason when it aborted before
 */
export async function startTerminal(spec: ProcessSpec, pump: LinePump, signal: AbortSignal): Promise<Started> {
  const { spawn } = await loadNodePty();
  const program = await lookUp(spec);
  signal.throwIfAborted();
  const terminal = spawn(program, spec.argv.slice(1), {
    cwd: spec.cwd,
    env: spec.env,
    encoding: null,
    cols: 80,
    rows: 24,
    ...spec.user,
  });
  const stream = new PassThrough({ highWaterMark: BUFFERED_BYTES });
  const exit = Promise.withResolvers<number>();
  terminal.onData((chunk) => {
    if (stream.writableEnded || stream.destroyed || stream.write(chunk)) return;
    terminal.pause();
    stream.once("drain", () => terminal.resume());
  });
  terminal.onExit(({ exitCode, signal: killedBy }) => {
    stream.end();
    exit.resolve(killedBy ? 128 + killedBy : exitCode);
  });
  return {
    pid: terminal.pid,
    exited: exit.promise,
    drained: pump.carry(stream, "stdout"),
    close: () => stream.destroy(),
  };
}

/** node-pty itself answers a missing program or folder with exit code 1. */
async function lookUp(spec: ProcessSpec): Promise<string> {
  const program = await findProgram(spec.argv[0], spec.env["PATH"]);
  const missing = Object.assign(new Error(`no ${spec.argv[0]}`), { code: "ENOENT" });
  if (program === undefined) throw await startError(spec, missing);
  await access(spec.cwd).catch(async (error: unknown) => {
    throw await startError(spec, error);
  });
  return program;
}

/** Loaded when first needed: it is native code, and most runners never use it. */
async function loadNodePty(): Promise<{ spawn(file: string, args: string[], options: object): Terminal }> {
  try {
    // @ts-expect-error TS7016, TS2306: the alias has no types under its own name
    return await import("node-pty");
  } catch (cause) {
    throw new AppError(
      "unavailable",
      "node-pty could not be loaded; switch allocate_pty off, or reinstall the packages",
      cause,
    );
  }
}
