import { join, resolve } from "node:path";
import { Command } from "commander";
import { AppError } from "../../lib/errors.ts";
import { parseLabels } from "../../runner/labels.ts";
import type { CliContext } from "../cli-context.ts";
import { makeLogger } from "../logger.ts";
import { readCliJson } from "../server-connection.ts";
import { addServerSettings, existingDirectory, type ServerFlags } from "../server-settings.ts";
import { commaList, setting, wholeNumber } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { findWorkTree } from "../work-tree.ts";
import { announceServer, closeServer } from "./server.ts";

interface UpFlags extends ServerFlags {
  readonly labels?: readonly string[];
  readonly capacity?: number;
}

/** `up`: a server and one runner on this machine, all embedded. */
export function defineUp(context: CliContext): Command {
  return addServerSettings(new Command("up"))
    .addOption(
      setting("--labels <list>", "labels of the runner (default: those of this machine)", { parse: commaList }),
    )
    .addOption(
      setting("--capacity <n>", "jobs at the same time (default: one per processor)", { parse: wholeNumber(1) }),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts up\n  act-runner-ts up --listen 127.0.0.1:0 --data-dir /tmp/ci\n\nJobs run on this machine as the user who calls. Commands in this directory or below find the server by data/cli.json.\nLocal repositories are allowed below --repo-root, which is here the enclosing git work tree, or else this directory.\nThe first Ctrl-C lets running jobs end for 30 s, the second ends them.",
    )
    .action(async (flags: UpFlags) => {
      await up(flags, context);
    });
}

async function up(flags: UpFlags, context: CliContext): Promise<void> {
  const logger = makeLogger(flags, context);
  using signals = listenForStop(process, context.clock);
  const repoRoot = await localRoot(flags.repoRoot, context);
  // Loaded when they are needed: the help does not wait for the database driver.
  const { startControlPlane } = await import("../control-plane.ts");
  const { prepareEmbeddedRunner } = await import("../embedded-runner.ts");
  await using server = await startControlPlane(flags, logger, context, repoRoot);
  const dataDir = resolve(context.cwd, flags.dataDir);
  const own = await readCliJson(join(dataDir, "cli.json"));
  if (own === undefined)
    throw new AppError("internal", `${dataDir} holds no cli.json: check that nothing else uses the directory`);
  const runner = await prepareEmbeddedRunner(
    {
      ...{ server: server.url, token: own.token, dataDir, logger, signals },
      ...{ labels: flags.labels, capacity: flags.capacity },
    },
    context,
  );
  announceServer(server, context);
  const names = parseLabels(runner.labels).map(({ name }) => name);
  context.stdout.write(`Runner is ready: ${names.join(", ")}\nRun a workflow: act-runner-ts run WORKFLOW --follow\n`);
  const { end } = await runner.start();
  await closeServer(server, signals.kill);
  if (end === "unregistered") {
    throw new AppError(
      "not_found",
      "the server no longer knows the runner of this machine: start again to register it anew",
    );
  }
}

/** The flag, else the work tree around the working directory, else that directory; links resolved. */
async function localRoot(flag: string | undefined, context: CliContext): Promise<string> {
  if (flag !== undefined) return await existingDirectory(flag, "--repo-root", context);
  // Without a commit there is nothing to run, but its directory is still the right one.
  const tree = await findWorkTree(context.cwd, context).catch(() => undefined);
  return await existingDirectory(tree?.root ?? context.cwd, "--repo-root", context);
}
