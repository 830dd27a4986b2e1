import { posix, win32 } from "node:path";
import type { JobEnvironment } from "../../executors/executor.ts";
import { AppError } from "../../lib/errors.ts";
import { decodeCommandFile, parseKeyValueFile, parsePathFile } from "./key-value-file.ts";

/** The files through which a step talks to the runner, by the last word of their variable. */
const FILES = ["env", "output", "path", "state", "step_summary"] as const;
type FileName = (typeof FILES)[number];

/** GitHub's limit for a step summary. */
const MAX_SUMMARY_BYTES = 1024 * 1024;
/** Bound for the other files, so that a job cannot fill the runner's memory. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** What the files of one stage hold. A file that cannot be read adds an error and the step fails. */
export interface FileCommandResult {
  readonly env: readonly (readonly [string, string])[];
  readonly outputs: readonly (readonly [string, string])[];
  readonly state: readonly (readonly [string, string])[];
  readonly path: readonly string[];
  /** Empty when the step wrote none. */
  readonly summary: string;
  readonly errors: readonly string[];
}

/** Fresh files for one stage of one step. */
export class FileCommands {
  readonly #environment: JobEnvironment;
  readonly #paths: Readonly<Record<FileName, string>>;

  private constructor(environment: JobEnvironment, paths: Readonly<Record<FileName, string>>) {
    this.#environment = environment;
    this.#paths = paths;
  }

  /** Makes the empty files. @param unique part of the names, never used before in this job */
  static async create(environment: JobEnvironment, unique: string, platform: NodeJS.Platform): Promise<FileCommands> {
    const { join } = platform === "win32" ? win32 : posix;
    const entries = FILES.map(
      (name) => [name, join(environment.paths.temp, "_runner_file_commands", `${name}_${unique}`)] as const,
    );
    for (const [, path] of entries) await environment.writeFile(path, "", { mode: 0o666 });
    return new FileCommands(environment, Object.fromEntries(entries) as Record<FileName, string>);
  }

  /** GITHUB_ENV and its kin, each also as GITEA_…. */
  variables(): Record<string, string> {
    return Object.fromEntries(
      FILES.flatMap((name) => [
        [`GITHUB_${name.toUpperCase()}`, this.#paths[name]],
        [`GITEA_${name.toUpperCase()}`, this.#paths[name]],
      ]),
    );
  }

  /** Reads what the step wrote; to be called after the step's end, however it ended. */
  async collect(): Promise<FileCommandResult> {
    const errors: string[] = [];
    const entries = async (name: FileName) => {
      const parsed = parseKeyValueFile(await this.#read(name, MAX_FILE_BYTES, errors));
      if (parsed.ok) return parsed.entries;
      errors.push(`Unable to process file command '${name}' successfully. ${parsed.message}`);
      return [];
    };
    return {
      env: await entries("env"),
      outputs: await entries("output"),
      state: await entries("state"),
      path: parsePathFile(await this.#read("path", MAX_FILE_BYTES, errors)),
      summary: await this.#read("step_summary", MAX_SUMMARY_BYTES, errors),
      errors,
    };
  }

  async #read(name: FileName, maxBytes: number, errors: string[]): Promise<string> {
    try {
      const bytes = await this.#environment.readFile(this.#paths[name], { maxBytes });
      return bytes === undefined ? "" : decodeCommandFile(bytes);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "exhausted") throw error;
      errors.push(
        `Unable to process file command '${name}' successfully. The file is larger than ${maxBytes / 1024} KiB.`,
      );
      return "";
    }
  }
}
