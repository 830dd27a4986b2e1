import type { OpenFile } from "../../executors/executor.ts";
import { AppError } from "../../lib/errors.ts";
import type { StageScope } from "../engine/step-handler.ts";
import type { PathPatterns } from "./path-patterns.ts";
import { runInJob } from "./run-in-job.ts";

const MAX_STDERR_LINES = 20;
/** A log that grows while it is packed is no failure; GNU tar ends with 1 then, and xargs with 123. */
const CHANGED_CODES: ReadonlySet<number> = new Set([1, 123]);
const CHANGED = /: (file changed as we read it|file removed before we read it|socket ignored)$/;

/**
 * Packs the files of list $0 into archive $1. Not every tar reads a list, so that long ones make several archives, one
 * behind the other in the file.
 */
const PACK = 'archive=$1; shift; exec xargs -0 tar -c -f - -C / "$@" <"$0" >"$archive"';

/**
 * `find` and `tar` in the job's own environment: its files are read and written with the job's rights, wherever they
 * are, and the image needs no more than what every system has. Archives are handed over in RUNNER_TEMP.
 */
export class JobTools {
  readonly #scope: StageScope;
  readonly #env: Readonly<Record<string, string>>;
  /** HOME of the job. */
  readonly home: string | undefined;

  private constructor(scope: StageScope, env: Readonly<Record<string, string>>, home: string | undefined) {
    this.#scope = scope;
    this.#env = env;
    this.home = home;
  }

  /** Takes PATH and HOME of the step. */
  static async open(scope: StageScope): Promise<JobTools> {
    const env = { ...scope.environment.baseEnv, ...(await scope.env()) };
    const path = env["PATH"];
    return new JobTools(scope, { LC_ALL: "C", ...(path === undefined ? {} : { PATH: path }) }, env["HOME"]);
  }

  /** What there is that the patterns want, links followed, in the order of its paths. */
  async find(patterns: PathPatterns, { filesOnly }: { readonly filesOnly: boolean }): Promise<string[]> {
    if (patterns.roots.length === 0) return [];
    const depth = patterns.depth === undefined ? [] : ["-maxdepth", String(patterns.depth)];
    const argv = ["find", "-L", ...patterns.roots, ...depth, ...(filesOnly ? ["-type", "f"] : [])] as const;
    // it fails for a root that does not exist, which is for the caller to see
    const { stdout } = await runInJob(this.#scope, argv as unknown as [string, ...string[]], { env: this.#env });
    return stdout.filter((path) => patterns.matches(path)).sort();
  }

  /** Whether a program is on the PATH. */
  async has(program: string): Promise<boolean> {
    return (await this.#scope.environment.which(program, this.#env)) !== undefined;
  }

  /**
   * Packs files and folders; names in the archive are relative to `/`. The archive is emptied when it is disposed.
   * @throws AppError unavailable when not all could be read
   */
  async pack(paths: readonly string[], { followLinks }: { readonly followLinks: boolean }): Promise<OpenFile> {
    const { environment } = this.#scope;
    const [archive, list] = [this.#temp("tar"), this.#temp("list")];
    await environment.writeFile(list, paths.map((path) => `.${path}\0`).join(""));
    await this.#run(["sh", "-c", PACK, list, archive, ...(followLinks ? ["-h"] : [])], "packed");
    return await this.#open(archive, "the archive of the files is gone; nothing was sent");
  }

  /**
   * Unpacks an archive whose names are relative to `/`.
   * @param folder made before
   * @throws AppError unavailable when not all could be written
   */
  async unpack(content: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
    const archive = this.#temp("tar");
    try {
      await this.#scope.environment.writeFile(archive, content);
      const made = await runInJob(this.#scope, ["mkdir", "-p", "--", folder], { env: this.#env });
      if (made.code !== 0) throw new AppError("unavailable", `${folder} could not be made: ${made.stderr.join(" ")}`);
      await this.#run(["tar", "-x", "-f", archive, "-C", "/"], "unpacked");
    } finally {
      await this.#empty(archive);
    }
  }

  /** Keeps content in RUNNER_TEMP and opens it; it is emptied when it is disposed. */
  async keep(content: AsyncIterable<Uint8Array>): Promise<OpenFile> {
    const path = this.#temp("download");
    await this.#scope.environment.writeFile(path, content);
    return await this.#open(path, "the file that was received is gone");
  }

  /** Opens a file of ours, which is emptied when it is disposed. @throws AppError unavailable with `gone` */
  async #open(path: string, gone: string): Promise<OpenFile> {
    const opened = await this.#scope.environment.openFile(path);
    if (opened === undefined) throw new AppError("unavailable", gone);
    return {
      size: opened.size,
      read: (range) => opened.read(range),
      [Symbol.asyncDispose]: async () => {
        await opened[Symbol.asyncDispose]();
        await this.#empty(path);
      },
    };
  }

  #temp(kind: string): string {
    const { environment, ids } = this.#scope;
    return this.#scope.join(environment.paths.temp, `${ids.uuid()}.${kind}`);
  }

  async #run(argv: readonly [string, ...string[]], done: string): Promise<void> {
    const { code, stderr } = await runInJob(this.#scope, argv, { env: this.#env, maxLines: MAX_STDERR_LINES });
    if (code === 0 || (CHANGED_CODES.has(code) && stderr.length > 0 && stderr.every((line) => CHANGED.test(line))))
      return;
    throw new AppError("unavailable", `the files could not be ${done}: tar ended with ${code}. ${stderr.join(" ")}`);
  }

  /** Frees the disk without another process; the name itself goes with the job's folders. */
  async #empty(path: string): Promise<void> {
    await this.#scope.environment.writeFile(path, "").catch(() => undefined);
  }
}
