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
    await Promise.all(entries.map(([, path]) => environment.writeFile(path, "", { mode: 0o666 })));
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
    // side by side: each look at a file is a way to another thread and back
    const texts = await Promise.all(FILES.map((name) => this.#read(name)));
    const [env, output, path, state, summary] = texts.map((read) => {
      if (typeof read === "string") return read;
      errors.push(read.error);
      return "";
    }) as [string, string, string, string, string];
    const entries = (name: FileName, text: string) => {
      const parsed = parseKeyValueFile(text);
      if (parsed.ok) return parsed.entries;
      errors.push(`Unable to process file command '${name}' successfully. ${parsed.message}`);
      return [];
    };
    return {
      env: entries("env", env),
      outputs: entries("output", output),
      state: entries("state", state),
      path: parsePathFile(path),
      summary,
      errors,
    };
  }

  async #read(name: FileName): Promise<string | { readonly error: string }> {
    const maxBytes = name === "step_summary" ? MAX_SUMMARY_BYTES : MAX_FILE_BYTES;
    try {
      const bytes = await this.#environment.readFile(this.#paths[name], { maxBytes });
      return bytes === undefined ? "" : decodeCommandFile(bytes);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "exhausted") throw error;
      const why = `The file is larger than ${maxBytes / 1024} KiB.`;
      return { error: `Unable to process file command '${name}' successfully. ${why}` };
    }
  }
}
