import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { AppError, errorText } from "../lib/errors.ts";
import { byteSize } from "./byte-size.ts";
import type { CliContext } from "./cli-context.ts";
import type { LogOptions } from "./log-choices.ts";
import { addLogSettings } from "./log-settings.ts";
import { readSecretFile } from "./secret-source.ts";
import { commaList, durationMs, keyValue, setting, wholeNumber } from "./settings.ts";

/** Flags of `server` and `up`. */
export interface ServerFlags extends LogOptions {
  readonly listen: string;
  readonly listenRunners?: string;
  readonly publicUrl?: string;
  readonly trustedProxy?: readonly string[];
  readonly dataDir: string;
  readonly database?: string;
  readonly databaseFile?: string;
  readonly databasePool?: number;
  readonly maxLogSize?: number;
  readonly minFreeDisk?: number;
  readonly bus?: string;
  readonly busFile?: string;
  readonly repoRoot?: string;
  readonly allowPrivateAddresses?: boolean;
  readonly allowHttpClone?: boolean;
  readonly adminTokenFile?: string;
  readonly registrationTokenFile?: string;
  readonly serverKeyFile?: string;
  readonly defaultActionsUrl?: string;
  readonly emptyRunsOn?: "any" | "none";
  readonly offlineAfter?: number;
  readonly runnerTokenLifetime?: number;
  readonly runnerTokenOverlap?: number;
  readonly drainPeriod?: number;
  readonly zombieTaskTimeout?: number;
  readonly endlessTaskTimeout?: number;
  readonly abandonedJobTimeout?: number;
  readonly logRetention?: number;
  readonly auditRetention?: number;
  readonly offlineRunnerAge?: number;
  readonly ephemeralRunnerAge?: number;
  readonly cron?: readonly string[];
  readonly blobDir?: string;
  readonly maxFileSize?: number;
  readonly artifactRetentionDays?: number;
  readonly cacheRetentionDays?: number;
  readonly cacheRepositorySize?: number;
  readonly cacheTotalSize?: number;
}

/** Adds the flags of `server` and `up`. */
export function addServerSettings(command: Command): Command {
  command
    .addOption(
      setting("--listen <address>", "host:port of everything; port 0 takes a free one", { default: "127.0.0.1:3000" }),
    )
    .addOption(setting("--listen-runners <address>", "host:port that serves the runner protocol alone, besides"))
    .addOption(setting("--public-url <url>", "address that runners and people see (default: the listening one)"))
    .addOption(
      setting("--trusted-proxy <cidr>", "proxies whose X-Forwarded-For counts, comma list", { parse: commaList }),
    );
  addStorageSettings(command);
  command
    .addOption(setting("--repo-root <directory>", "administrators may add local repositories below it"))
    .addOption(setting("--allow-private-addresses", "clone from loopback and private networks"))
    .addOption(setting("--allow-http-clone", "clone without encryption"))
    .addOption(
      setting(
        "--admin-token-file <file>",
        "file with an admin API token of 32 characters or more (or ACT_RUNNER_ADMIN_TOKEN)",
      ),
    )
    .addOption(
      setting(
        "--registration-token-file <file>",
        "file with the global registration token (or ACT_RUNNER_REGISTRATION_TOKEN)",
      ),
    )
    .addOption(
      setting(
        "--server-key-file <file>",
        "file with the key of secrets at rest (or ACT_RUNNER_SERVER_KEY; default: made in the data directory)",
      ),
    );
  command.addOption(
    setting("--default-actions-url <url>", "where uses: owner/repo@ref is found (default: https://github.com)"),
  );
  command.addOption(setting("--empty-runs-on <any|none>", "runners that take jobs without runs-on (default: any)"));
  command.addOption(
    setting("--offline-after <duration>", "show a runner as offline that is silent for so long (default: 60s)", {
      parse: durationMs,
    }),
  );
  command.addOption(
    setting(
      "--runner-token-lifetime <duration>",
      "renew the tokens of runners at this age, such as 90d (default: never)",
      {
        parse: durationMs,
      },
    ),
  );
  command.addOption(
    setting("--runner-token-overlap <duration>", "how long an old token works beside a new one (default: 24h)", {
      parse: durationMs,
    }),
  );
  command.addOption(
    setting(
      "--drain-period <duration>",
      "how long a server that stops still serves, while /readyz answers 503; longer than two probes of the load balancer (default: 0s)",
      { parse: durationMs },
    ),
  );
  addJobServiceSettings(command);
  addCleanUpSettings(command);
  return addLogSettings(command);
}

/** What goes when. */
function addCleanUpSettings(command: Command): void {
  const ages = [
    ["--zombie-task-timeout", "give up a task that was not reported on for so long (default: 10m)"],
    ["--endless-task-timeout", "end a task that runs for longer (default: 3h)"],
    ["--abandoned-job-timeout", "cancel a job that nothing happens to for so long (default: 24h)"],
    ["--log-retention", "keep logs for so long; 0 for ever (default: 365d)"],
    ["--audit-retention", "keep rows of the audit log for so long; 0 for ever (default: 365d)"],
    ["--offline-runner-age", "delete runners that have not called for so long (default: they stay)"],
    ["--ephemeral-runner-age", "the same for ephemeral runners; 0 keeps them (default: 24h)"],
  ] as const;
  for (const [flag, text] of ages) command.addOption(setting(`${flag} <duration>`, text, { parse: durationMs }));
  command.addOption(
    setting(
      "--cron <name=schedule>",
      "when a periodic job is done, such as 'cleanup_expired_logs=30 3 * * *', or off; ; between several",
      { parse: scheduleList },
    ),
  );
}

/** `NAME=SCHEDULE` entries; a schedule may hold commas. */
function scheduleList(text: string, previous: readonly string[] | undefined): readonly string[] {
  const given = text
    .split(";")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  for (const entry of given) keyValue(entry, "--cron");
  return [...(previous ?? []), ...given];
}

/** What is kept of artifacts and caches. */
function addJobServiceSettings(command: Command): void {
  const days = { parse: wholeNumber(1) };
  const size = { parse: byteSize };
  command
    .addOption(
      setting(
        "--blob-dir <directory>",
        "files of artifacts and caches, finished logs; one for all replicas (default: blobs in the data directory, but with --database logs stay in it)",
      ),
    )
    .addOption(setting("--max-file-size <size>", "largest artifact file or cache (default: 10g)", size))
    .addOption(setting("--artifact-retention-days <n>", "artifacts go after it (default: 90)", days))
    .addOption(setting("--cache-retention-days <n>", "caches go that nobody used for so long (default: 7)", days))
    .addOption(
      setting("--cache-repository-size <size>", "caches of one repository, 0 is no limit (default: 10g)", size),
    )
    .addOption(setting("--cache-total-size <size>", "all caches, 0 is no limit (default: 0)", size));
}

function addStorageSettings(command: Command): void {
  command
    .addOption(setting("--data-dir <directory>", "everything of an embedded server", { default: "./data" }))
    .addOption(
      setting("--database <url>", "mysql://user@host/name instead of the embedded database", {
        env: "ACT_RUNNER_DATABASE_URL",
      }),
    )
    .addOption(
      setting("--database-file <file>", "file with that URL, for the password's sake", {
        env: "ACT_RUNNER_DATABASE_URL_FILE",
      }),
    )
    .addOption(setting("--database-pool <n>", "connections to it", { parse: wholeNumber(1) }))
    .addOption(
      setting("--max-log-size <MiB>", "size of a job's log; the rest is dropped (default: 2048)", {
        parse: wholeNumber(1),
      }),
    )
    .addOption(
      setting("--min-free-disk <MiB>", "below so much free disk no work is offered; 0: never mind (default: 256)", {
        parse: wholeNumber(0),
      }),
    )
    .addOption(
      setting("--bus <url>", "redis://user@host: changes cross between replicas at once, not within 250 ms", {
        env: "ACT_RUNNER_BUS_URL",
      }),
    )
    .addOption(
      setting("--bus-file <file>", "file with that URL, for the password's sake", { env: "ACT_RUNNER_BUS_URL_FILE" }),
    );
}

/** A secret setting: from its file, else the text of its flag or variable; undefined where neither is given. */
export async function secretSetting(file: string | undefined, text: string | undefined): Promise<string | undefined> {
  if (file !== undefined) return await readSecretFile(file);
  return text === "" ? undefined : text;
}

/** A directory with its links resolved. Throws `invalid` where it does not exist. */
export async function existingDirectory(path: string, flag: string, context: Pick<CliContext, "cwd">): Promise<string> {
  try {
    return await realpath(resolve(context.cwd, path));
  } catch (error) {
    throw new AppError(
      "invalid",
      `${flag} ${path} cannot be used (${errorText(error)}): name a directory that exists`,
      error,
    );
  }
}
