import { PassThrough } from "node:stream";
import type { CliContext } from "../../../src/cli/cli-context.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";

/** A context whose outputs are kept; input is what `stdin` holds. */
export function testContext(options: { env?: Record<string, string>; cwd?: string; stdin?: string } = {}) {
  const out: string[] = [];
  const err: string[] = [];
  let exitCode = 0;
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  const context: CliContext = {
    env: options.env ?? {},
    cwd: options.cwd ?? "/",
    stdin,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    clock: systemClock,
    ids: systemIds,
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  return { context, out: () => out.join(""), err: () => err.join(""), exitCode: () => exitCode };
}
