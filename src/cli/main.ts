import { systemClock } from "../lib/clock.ts";
import { systemIds } from "../lib/ids.ts";
import type { CliContext } from "./cli-context.ts";
import { runProgram } from "./program.ts";
import { reportError } from "./report-error.ts";

// A reader that goes away (`| head`) ends the program quietly, as it does for programs in C.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
}

const context: CliContext = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  ids: systemIds,
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

try {
  await runProgram(process.argv.slice(2), context);
} catch (error) {
  process.exitCode = reportError(error, context);
}
