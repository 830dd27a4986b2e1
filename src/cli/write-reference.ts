import { writeFile } from "node:fs/promises";
import { systemClock } from "../lib/clock.ts";
import { systemIds } from "../lib/ids.ts";
import { COMMANDS } from "./command-table.ts";
import { loadAllCommands } from "./program.ts";
import { renderReference } from "./reference.ts";

// Writes docs/reference/cli.md; `npx vitest run test/unit/cli/reference.test.ts` compares it.
const context = {
  env: {},
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  ids: systemIds,
  setExitCode: () => undefined,
};
const page = new URL("../../docs/reference/cli.md", import.meta.url);
await writeFile(page, renderReference(COMMANDS, await loadAllCommands(context)));
