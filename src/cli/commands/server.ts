import { Command } from "commander";
import type { RunningServer } from "../../server/server.ts";
import type { CliContext } from "../cli-context.ts";
import { makeLogger } from "../logger.ts";
import { EXIT_CODES } from "../report-error.ts";
import { addServerSettings, type ServerFlags } from "../server-settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { untilAborted } from "../until-aborted.ts";

/** `server`: the control plane alone. */
export function defineServer(context: CliContext): Command {
  return addServerSettings(new Command("server"))
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts server\n  act-runner-ts server --listen 0.0.0.0:3000 --public-url https://ci.example --trusted-proxy 10.0.0.0/8\n  act-runner-ts server --database-file /run/secrets/database-url\n\nThe first SIGINT or SIGTERM lets open requests end, the second does not.",
    )
    .action(async (flags: ServerFlags) => {
      const logger = makeLogger(flags, context);
      using signals = listenForStop(process, context.clock);
      // Loaded when it is needed: the help does not wait for the database driver.
      const { startControlPlane } = await import("../control-plane.ts");
      await using server = await startControlPlane(flags, logger, context);
      announceServer(server, context);
      await untilAborted(signals.stop);
      await closeServer(server, signals.kill);
    });
}

/** Prints where the server is, and a new admin token this once. */
export function announceServer(server: RunningServer, context: CliContext): void {
  const seen = server.publicUrl === server.url ? "" : `, seen as ${server.publicUrl}`;
  context.stdout.write(`Server is ready: ${server.url}${seen}\n`);
  if (server.runnersAddress !== null) {
    const { host, port } = server.runnersAddress;
    context.stdout.write(`Runner protocol alone: ${host.includes(":") ? `[${host}]` : host}:${port}\n`);
  }
  if (server.adminToken !== undefined) {
    context.stdout.write(
      `Admin API token (shown this once; cli.json in the data directory keeps one): ${server.adminToken}\n`,
    );
  }
}

/** Lets open requests end, until the second signal. */
export async function closeServer(server: RunningServer, kill: AbortSignal): Promise<void> {
  // A database that hangs must not keep a person from ending the program.
  kill.addEventListener("abort", () => process.exit(EXIT_CODES.cancelled), { once: true });
  await server.close();
}
