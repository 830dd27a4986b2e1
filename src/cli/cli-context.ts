import type { Clock } from "../lib/clock.ts";
import type { Ids } from "../lib/ids.ts";

/** Where text goes; `process.stdout` is one, a test passes a recorder. */
export interface TextOutput {
  /** `false` says that the reader does not keep up: `drain` tells when it does again. */
  readonly write: (text: string) => unknown;
  /** Absent where the reader always keeps up. */
  readonly once?: (event: "drain", listener: () => void) => unknown;
  /** Whether a person looks at it. */
  readonly isTTY?: boolean | undefined;
}

/** What a command may touch of its surroundings. Commands get it by parameter, so that tests can own it. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The exit code that the process ends with when nothing is thrown; 0 unless called. */
  readonly setExitCode: (code: number) => void;
}
