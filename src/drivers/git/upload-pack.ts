import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { exitCode } from "../process/exit-code.ts";
import { killGroup } from "../process/run-to-end.ts";
import { gitEnvironment } from "./git-environment.ts";
import { gitError } from "./git-error.ts";

/** How a fetch is served. */
export interface UploadPackOptions {
  /** Only list the refs: the answer to GET info/refs, without its `# service=` line. @default false */
  readonly advertise?: boolean;
  /** The Git-Protocol header, as in `version=2`. */
  readonly protocol?: string | undefined;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** PATH, where git is looked up. */
  readonly path: string;
}

/** A running `git upload-pack`. Disposing ends it, whatever it does. */
export interface UploadPack extends AsyncDisposable {
  /** The body of the request, already unpacked. Nothing is written to it for an advertisement. */
  readonly input: Writable;
  /** The body of the answer. Has to be read to its end, or the handle disposed. */
  readonly output: Readable;
  /** Resolves when it has ended well. @throws AppError with git's last line */
  readonly done: Promise<void>;
}

const STDERR_KEPT = 4096;

/**
 * Serves one request of git's smart HTTP protocol from a bare repository, read-only. Any commit that is there may be
 * asked for by its id, because a run is bound to a commit that its branch may have left.
 */
export function uploadPack(dir: string, { advertise = false, protocol, signal, path }: UploadPackOptions): UploadPack {
  const env = gitEnvironment({
    path,
    allowProtocols: [],
    config: [
      ["uploadpack.allowAnySHA1InWant", "true"],
      ["uploadpack.allowReachableSHA1InWant", "true"],
      ["uploadpack.allowFilter", "true"],
    ],
  });
  const mode = advertise ? ["--stateless-rpc", "--advertise-refs"] : ["--stateless-rpc"];
  const child = spawn("git", ["upload-pack", "--strict", ...mode, dir], {
    cwd: "/",
    env: protocol === undefined ? env : { ...env, GIT_PROTOCOL: protocol },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-STDERR_KEPT);
  });
  // EPIPE: git has seen enough of the request; its exit code tells whether that was in order
  child.stdin.on("error", () => undefined);
  const kill = () => killGroup(child);
  if (signal.aborted) kill();
  signal.addEventListener("abort", kill);
  const ended = once(child, "close").finally(() => signal.removeEventListener("abort", kill));
  const done = ended.then(([code, killedBy]) => {
    if (exitCode(code, killedBy) !== 0) throw gitError("upload-pack", stderr, undefined);
  });
  done.catch(() => undefined); // a caller that disposes need not look at it
  return {
    input: child.stdin,
    output: child.stdout,
    done,
    async [Symbol.asyncDispose]() {
      kill();
      child.stdout.destroy();
      await ended.catch(() => undefined);
    },
  };
}
