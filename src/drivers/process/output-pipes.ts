import type { ChildProcess } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { AppError } from "../../lib/errors.ts";
import { runToEnd } from "./run-to-end.ts";

/** The reading ends of a process's output. */
export interface OutputStreams {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Pipes for one process. Disposing closes the child's ends, and the reading ends unless somebody took them. */
export interface OutputPipes extends Disposable {
  /** For spawn's stdio. */
  readonly childEnds: readonly [number | "pipe", number | "pipe"];
  /** Hands over the reading ends once the process has started; the caller destroys them. */
  take(child: ChildProcess): OutputStreams;
}

/** Most pipes that are kept ready; each is open at four ends. */
const MAX_BATCH = 8;

/**
 * Real pipes for processes. Node's own "pipe" is a socket, and on Linux a socket cannot be opened by name, so that
 * `echo x > /dev/stderr` and `tee /dev/stderr`, which many workflows use, fail in a step ("No such device or address").
 * Node cannot make a pipe, hence the detour over named ones, which are removed at once; who runs many processes gets
 * them in growing batches. Where there is no mkfifo it falls back to sockets. Disposing closes what nobody took.
 */
export class PipeSupply implements Disposable {
  readonly #ready: OutputPipes[] = [];
  #batch = 1;

  /** The pipes of one process. */
  async take(): Promise<OutputPipes> {
    const ready = this.#ready.pop();
    if (ready !== undefined) return ready;
    const count = this.#batch;
    this.#batch = Math.min(count * 2, MAX_BATCH);
    const [first = socketPipes(), ...rest] = await openPipes(count);
    this.#ready.push(...rest);
    return first;
  }

  [Symbol.dispose](): void {
    for (const pipes of this.#ready.splice(0)) pipes[Symbol.dispose]();
  }
}

async function openPipes(count: number): Promise<OutputPipes[]> {
  const folder = await mkdtemp(join(tmpdir(), "act-runner-pipe-"));
  try {
    const paths = Array.from({ length: count }, (_, at): [string, string] => [
      join(folder, `out${at}`),
      join(folder, `err${at}`),
    ]);
    return (await makeFifos(paths.flat())) ? paths.map(openFifos) : [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeFifos(paths: readonly string[]): Promise<boolean> {
  // 666: another user's process has to open it as /dev/stderr; the folder is ours alone and the name lives for a moment.
  const argv: [string, ...string[]] = ["mkfifo", "-m", "666", ...paths];
  try {
    return (await runToEnd({ argv, cwd: "/", env: { PATH: "/usr/bin:/bin" } }, { maxBytes: 4096 })).code === 0;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/** The order matters: a writing end can be opened without waiting only when there is a reader. */
function openFifos(paths: readonly [string, string]): OutputPipes {
  using opened = new DisposableStack();
  const readers = opened.use(new DisposableStack());
  const open = (flags: number, owner: DisposableStack) =>
    paths.map((path) => owner.adopt(openSync(path, flags), closeSync)) as [number, number];
  const readEnds = open(constants.O_RDONLY | constants.O_NONBLOCK, readers);
  const childEnds = open(constants.O_WRONLY, opened);
  const owned = opened.move();
  return {
    childEnds,
    take() {
      readers.move(); // from here on the sockets own them
      const [stdout, stderr] = readEnds.map((fd) => new Socket({ fd, readable: true, writable: false })) as [
        Socket,
        Socket,
      ];
      return { stdout, stderr };
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function socketPipes(): OutputPipes {
  return {
    childEnds: ["pipe", "pipe"],
    take({ stdout, stderr }) {
      if (stdout === null || stderr === null) throw new AppError("internal", "the process was started without pipes");
      return { stdout, stderr };
    },
    [Symbol.dispose]: () => undefined,
  };
}
