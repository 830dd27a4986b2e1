import { chown, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { JobPaths, JobSpec } from "../executor.ts";
import { removeTree } from "./remove-tree.ts";

/** A user of this machine. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The folder below the root that says to which runner a job's folder belongs; jobs have no business there. */
const CLAIMS = ".claims";

/**
 * The folders of the jobs on this machine:
 *
 *     <root>/.claims/<job>             the uuid of the runner that made the job's folder; written first, removed last
 *     <root>/<job>/<repo>/<repo>       the workspace; doubled as on GitHub, where its parent is RUNNER_WORKSPACE
 *     <root>/<job>/_temp               RUNNER_TEMP
 *     <root>/<job>/_home               HOME, only where jobs run as another user or in a container
 */
export class JobFolders {
  readonly #root: string;
  readonly #owner: string;
  readonly #toolCache: string;
  readonly #user: User | undefined;
  readonly #home: boolean;

  constructor(options: { root: string; owner: string; toolCache: string; user?: User | undefined; home?: boolean }) {
    this.#root = options.root;
    this.#owner = options.owner;
    this.#toolCache = options.toolCache;
    this.#user = options.user;
    this.#home = options.home ?? options.user !== undefined;
  }

  /** Everything of one job. */
  jobRoot(job: string): string {
    return join(this.#root, job);
  }

  /**
   * Makes the folders of a job.
   * @throws AppError invalid (id or repository cannot be a folder's name), conflict (a job of this id is there), unavailable
   */
  async create(job: JobSpec): Promise<JobPaths> {
    const root = this.jobRoot(checkName(job.id, "job id"));
    const name = repositoryFolder(job.repository);
    const paths = {
      workspace: join(root, name, name),
      temp: join(root, "_temp"),
      toolCache: this.#toolCache,
      ...(this.#home ? { home: join(root, "_home") } : {}),
    };
    await this.#claim(job.id);
    try {
      await mkdir(root);
      await this.#makeOwned(join(root, name));
      await this.#makeOwned(paths.workspace);
      await this.#makeOwned(paths.temp);
      if (paths.home !== undefined) await this.#makeOwned(paths.home);
      return paths;
    } catch (error) {
      // Should this fail too, the claim stays, and the next start tries again.
      await this.remove(job.id).catch(() => undefined);
      throw this.#unavailable(job.id, error);
    }
  }

  /**
   * Removes the folders of a job.
   * @throws Error when something of it stays; the claim stays too, for a later try
   */
  async remove(job: string): Promise<void> {
    await removeTree(this.jobRoot(job));
    await rm(join(this.#root, CLAIMS, job), { force: true });
  }

  /** The jobs whose folders this runner made, in this or an earlier life. */
  async claimed(): Promise<string[]> {
    const jobs = await readdir(join(this.#root, CLAIMS)).catch(() => []);
    const owners = await Promise.all(
      jobs.map((job) => readFile(join(this.#root, CLAIMS, job), "utf8").catch(() => undefined)),
    );
    return jobs.filter((_, index) => owners[index] === this.#owner);
  }

  async #claim(job: string): Promise<void> {
    try {
      await mkdir(join(this.#root, CLAIMS), { recursive: true });
      await writeFile(join(this.#root, CLAIMS, job), this.#owner, { flag: "wx" });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw this.#unavailable(job, error);
      throw new AppError(
        "conflict",
        `job ${job} already has a folder below ${this.#root}; a job id may be used once`,
        error,
      );
    }
  }

  async #makeOwned(path: string): Promise<void> {
    await mkdir(path);
    if (this.#user !== undefined) await chown(path, this.#user.uid, this.#user.gid);
  }

  #unavailable(job: string, cause: unknown): AppError {
    return new AppError(
      "unavailable",
      `the folders of job ${job} cannot be made below ${this.#root}; check the disk`,
      cause,
    );
  }
}

/** The name part of `owner/name`; set apart from our own folders, which begin with an underscore. */
function repositoryFolder(repository: string): string {
  const name = checkName(repository.slice(repository.lastIndexOf("/") + 1), "repository");
  return name === "_temp" || name === "_home" ? `${name}_` : name;
}

function checkName(name: string, what: string): string {
  if (/^[A-Za-z0-9_][\w.-]*$|^\.[\w-][\w.-]*$/.test(name) && name !== CLAIMS) return name;
  throw new AppError(
    "invalid",
    `the ${what} "${name}" cannot be the name of a folder; use letters, digits, ".", "_" and "-"`,
  );
}
