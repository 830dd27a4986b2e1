import { writeFile } from "node:fs/promises";
import { systemClock } from "../lib/clock.ts";
import { systemIds } from "../lib/ids.ts";
import { SETTINGS } from "../runner/settings.ts";
import { COMMANDS } from "./command-table.ts";
import { loadAllCommands } from "./program.ts";
import { renderReference } from "./reference.ts";
import { renderSettings } from "./settings-reference.ts";

// Writes docs/reference/{cli,config}.md; a test compares them.
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
const folder = new URL("../../docs/reference/", import.meta.url);
await writeFile(new URL("cli.md", folder), renderReference(COMMANDS, await loadAllCommands(context)));
await writeFile(new URL("config.md", folder), renderSettings(SETTINGS));
