import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "../lib/logger.ts";
import { type RunningServer, startServer } from "../server/server.ts";
import type { ServerOptions } from "../server/server-options.ts";
import type { CliContext } from "./cli-context.ts";
import { packageVersion } from "./package-version.ts";
import { existingDirectory, type ServerFlags, secretSetting } from "./server-settings.ts";
import { keyValue } from "./settings.ts";

/** Starts the server that the flags and variables describe. `repoRoot` counts where `--repo-root` is not given. */
export async function startControlPlane(
  flags: ServerFlags,
  logger: Logger,
  context: CliContext,
  repoRoot?: string,
): Promise<RunningServer> {
  const options = await serverOptions({ ...(repoRoot === undefined ? {} : { repoRoot }), ...flags }, context);
  await hideFromGit(resolve(context.cwd, flags.dataDir));
  return await startServer(options, { clock: context.clock, ids: context.ids, log: logger });
}

/** The server's settings; secrets come from files or variables. */
async function serverOptions(flags: ServerFlags, context: CliContext): Promise<ServerOptions> {
  const { env } = context;
  const given: Record<keyof ServerOptions, unknown> = {
    listen: flags.listen,
    listenRunners: flags.listenRunners,
    publicUrl: flags.publicUrl,
    trustedProxies: flags.trustedProxy,
    dataDir: resolve(context.cwd, flags.dataDir),
    databaseUrl: await secretSetting(flags.databaseFile, flags.database),
    databasePool: flags.databasePool,
    maxLogSizeMib: flags.maxLogSize,
    minFreeDiskMib: flags.minFreeDisk,
    busUrl: await secretSetting(flags.busFile, flags.bus),
    repoRoot:
      flags.repoRoot === undefined ? undefined : await existingDirectory(flags.repoRoot, "--repo-root", context),
    allowPrivateAddresses: flags.allowPrivateAddresses,
    allowHttpClone: flags.allowHttpClone,
    adminToken: await secretSetting(flags.adminTokenFile, env["ACT_RUNNER_ADMIN_TOKEN"]),
    registrationToken: await secretSetting(flags.registrationTokenFile, env["ACT_RUNNER_REGISTRATION_TOKEN"]),
    serverKey: await secretSetting(flags.serverKeyFile, env["ACT_RUNNER_SERVER_KEY"]),
    defaultActionsUrl: flags.defaultActionsUrl,
    emptyRunsOn: flags.emptyRunsOn,
    offlineAfterMs: flags.offlineAfter,
    runnerTokenLifetimeMs: flags.runnerTokenLifetime,
    runnerTokenOverlapMs: flags.runnerTokenOverlap,
    drainMs: flags.drainPeriod,
    cleanUp: {
      zombieTaskMs: flags.zombieTaskTimeout,
      endlessTaskMs: flags.endlessTaskTimeout,
      abandonedJobMs: flags.abandonedJobTimeout,
      logRetentionMs: flags.logRetention,
      auditRetentionMs: flags.auditRetention,
      offlineRunnerMs: flags.offlineRunnerAge,
      ephemeralRunnerMs: flags.ephemeralRunnerAge,
    },
    schedules: Object.fromEntries((flags.cron ?? []).map((entry) => keyValue(entry, "--cron"))),
    blobDir: flags.blobDir === undefined ? undefined : resolve(context.cwd, flags.blobDir),
    maxFileBytes: flags.maxFileSize,
    artifactRetentionDays: flags.artifactRetentionDays,
    cacheRetentionDays: flags.cacheRetentionDays,
    cacheRepositoryBytes: flags.cacheRepositorySize,
    cacheTotalBytes: flags.cacheTotalSize,
    path: env["PATH"],
    version: await packageVersion(),
    writeCliFile: true,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A data directory inside a work tree is nobody's change. */
async function hideFromGit(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(join(dataDir, ".gitignore"), "*\n", { flag: "wx" });
  } catch {
    // It is there already; or the directory cannot be written, which the server says better.
  }
}
