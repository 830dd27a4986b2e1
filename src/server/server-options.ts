import { join, resolve } from "node:path";
import { z } from "zod";
import { DEFAULT_LIMITS, type JobServiceLimits } from "../jobservices/open-job-services.ts";
import { AppError } from "../lib/errors.ts";
import { nearestName } from "../lib/nearest-name.ts";
import type { CleanUpSettings } from "./services/clean-up.ts";

/** Settings of a server as people give them. */
export interface ServerOptions {
  /** `host:port` or the two apart; port 0 takes a free one. @default 127.0.0.1:3000 */
  readonly listen?: string | ListenAddress;
  /** A second address that serves the runner protocol alone. @default none */
  readonly listenRunners?: string | ListenAddress;
  /** Address that runners and people see; a path in it works. @default the listening one */
  readonly publicUrl?: string;
  /** Networks (CIDR) of proxies whose X-Forwarded-For counts. @default none */
  readonly trustedProxies?: readonly string[];
  /** Everything of an embedded server. @default ./data */
  readonly dataDir?: string;
  /** `mysql://user:password@host/name`. @default the embedded database */
  readonly databaseUrl?: string;
  /** Connections to MySQL. @default 10 */
  readonly databasePool?: number;
  /** Size a job's log may have, in MiB; the rest is dropped. @default 2048 */
  readonly maxLogSizeMib?: number;
  /** Free space of the data directory, in MiB, below which no work is offered; 0: whatever is free. @default 256 */
  readonly minFreeDiskMib?: number;
  /** `redis://user:password@host`: carries changes between replicas at once. @default by the database, within 250 ms */
  readonly busUrl?: string;
  /** Administrators may add local repositories below it; links are resolved. @default none */
  readonly repoRoot?: string;
  /** Clone from loopback and private networks. @default false */
  readonly allowPrivateAddresses?: boolean;
  /** Clone without encryption. @default false */
  readonly allowHttpClone?: boolean;
  /** Admin API token of 32 characters or more. @default one is made at the first start */
  readonly adminToken?: string;
  /** Global registration token of 32 characters or more. @default one is made when it is asked for */
  readonly registrationToken?: string;
  /** Key of secrets at rest, 32 characters or more. @default made in the data directory */
  readonly serverKey?: string;
  /** Where `uses: owner/repo@ref` is found. @default https://github.com */
  readonly defaultActionsUrl?: string;
  /** Which runners take jobs whose `runs-on` is empty. @default any, as Gitea; Forgejo: none */
  readonly emptyRunsOn?: "any" | "none";
  /** A runner that is silent for longer is shown as offline; Gitea's RunnerOfflineTime. @default 60 s */
  readonly offlineAfterMs?: number;
  /** Age at which the token of a runner that takes a new one by itself is renewed; 0 for never. @default 0 */
  readonly runnerTokenLifetimeMs?: number;
  /** How long the old token of a runner works beside the new one, at the most. @default 24 h */
  readonly runnerTokenOverlapMs?: number;
  /** How long a server that is closed says so at /readyz and serves on, so that load balancers send nothing more. @default 0 */
  readonly drainMs?: number;
  /**
   * Files of artifacts and caches, and finished logs; replicas on one database need one folder for all. @default
   * `blobs` in the data directory; with another database logs stay in it
   */
  readonly blobDir?: string;
  /** Most bytes of an artifact's file, or of a cache. @default 10 GiB */
  readonly maxFileBytes?: number;
  /** Days after which an artifact goes; also the most that a job may ask for. @default 90 */
  readonly artifactRetentionDays?: number;
  /** Days after which a cache goes that nobody used. @default 7 */
  readonly cacheRetentionDays?: number;
  /** Most bytes of the caches of one repository; 0 is no limit. @default 10 GiB */
  readonly cacheRepositoryBytes?: number;
  /** Most bytes of all caches; 0 is no limit. @default 0 */
  readonly cacheTotalBytes?: number;
  /** From when on things are cleaned up, as Gitea does; ages in ms, of which 0 keeps logs, audit rows and runners for ever. */
  readonly cleanUp?: CleanUpOptions;
  /** Schedules of periodic jobs by name, in the place of their defaults. @default none */
  readonly schedules?: Readonly<Record<string, string>>;
  /** PATH, where git and ssh are looked up. @default the usual system folders */
  readonly path?: string;
  /** Version that is shown. @default 0.0.0 */
  readonly version?: string;
  /** Write `<dataDir>/cli.json`, so that the CLI on this machine finds the server. @default true */
  readonly writeCliFile?: boolean;
}

/** Ages from which on things are cleaned up, in ms. */
export interface CleanUpOptions {
  /** @default 10 min */
  readonly zombieTaskMs?: number;
  /** @default 3 h */
  readonly endlessTaskMs?: number;
  /** @default 24 h */
  readonly abandonedJobMs?: number;
  /** @default 365 days */
  readonly logRetentionMs?: number;
  /** @default 365 days */
  readonly auditRetentionMs?: number;
  /** @default 0: they stay */
  readonly offlineRunnerMs?: number;
  /** @default 24 h */
  readonly ephemeralRunnerMs?: number;
}

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Settings with every default filled in. */
export interface CompiledServerOptions {
  readonly listen: ListenAddress;
  readonly listenRunners: ListenAddress | null;
  /** Without a slash at its end; null: the listening address. */
  readonly publicUrl: string | null;
  readonly trustedProxies: readonly string[];
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  readonly databasePool: number;
  readonly maxLogSizeMib: number;
  readonly minFreeDiskMib: number;
  readonly busUrl: string | null;
  readonly repoRoot: string | null;
  readonly allowPrivateAddresses: boolean;
  readonly allowHttpClone: boolean;
  readonly adminToken: string | null;
  readonly registrationToken: string | null;
  readonly serverKey: string | null;
  readonly defaultActionsUrl: string;
  readonly emptyRunsOn: "any" | "none";
  readonly offlineAfterMs: number;
  /** Null: never. */
  readonly runnerTokenLifetimeMs: number | null;
  readonly runnerTokenOverlapMs: number;
  readonly drainMs: number;
  readonly cleanUp: CleanUpSettings;
  readonly schedules: Readonly<Record<string, string>>;
  readonly blobDir: string;
  /** Where finished logs go; null: they stay in the database. */
  readonly logBlobDir: string | null;
  readonly jobServiceLimits: JobServiceLimits;
  readonly path: string;
  readonly version: string;
  readonly writeCliFile: boolean;
}

const DAY_MS = 24 * 3_600_000;

const address = z.union([
  z.string().transform((text) => parseAddress(text)),
  z.object({ host: z.string(), port: z.number().int().min(0).max(65_535) }),
]);

const HOUR_MS = 60 * 60_000;
const age = z.number().int().min(1_000);
/** 0 stands for ever. */
const retention = z
  .number()
  .int()
  .min(0)
  .transform((ms) => (ms === 0 ? null : ms));
const cleanUp = z.strictObject({
  zombieTaskMs: age.default(10 * 60_000),
  endlessTaskMs: age.default(3 * HOUR_MS),
  abandonedJobMs: age.default(24 * HOUR_MS),
  logRetentionMs: retention.prefault(365 * 24 * HOUR_MS),
  auditRetentionMs: retention.prefault(365 * 24 * HOUR_MS),
  offlineRunnerMs: retention.prefault(0),
  ephemeralRunnerMs: retention.prefault(24 * HOUR_MS),
});

const schema = z.strictObject({
  listen: address.default({ host: "127.0.0.1", port: 3000 }),
  listenRunners: address.optional(),
  publicUrl: z.string().optional(),
  trustedProxies: z.array(z.string()).default([]),
  dataDir: z.string().min(1).default("./data"),
  databaseUrl: z.string().optional(),
  databasePool: z.number().int().min(1).default(10),
  maxLogSizeMib: z.number().int().min(1).default(2048),
  minFreeDiskMib: z.number().int().min(0).default(256),
  busUrl: z.string().optional(),
  repoRoot: z.string().optional(),
  allowPrivateAddresses: z.boolean().default(false),
  allowHttpClone: z.boolean().default(false),
  adminToken: z.string().optional(),
  registrationToken: z.string().optional(),
  serverKey: z.string().optional(),
  defaultActionsUrl: z.string().default("https://github.com"),
  emptyRunsOn: z.enum(["any", "none"]).default("any"),
  offlineAfterMs: age.default(60_000),
  runnerTokenLifetimeMs: z.number().int().min(0).default(0),
  drainMs: z.number().int().min(0).default(0),
  cleanUp: cleanUp.prefault({}),
  schedules: z.record(z.string(), z.string()).default({}),
  runnerTokenOverlapMs: z
    .number()
    .int()
    .min(0)
    .default(24 * 60 * 60_000),
  blobDir: z.string().min(1).optional(),
  maxFileBytes: z.number().int().min(1).default(DEFAULT_LIMITS.maxFileBytes),
  artifactRetentionDays: z
    .number()
    .min(0)
    .default(DEFAULT_LIMITS.artifactRetentionMs / DAY_MS),
  cacheRetentionDays: z
    .number()
    .min(0)
    .default(DEFAULT_LIMITS.cacheRetentionMs / DAY_MS),
  cacheRepositoryBytes: z.number().int().min(0).default(DEFAULT_LIMITS.cacheRepositoryBytes),
  cacheTotalBytes: z.number().int().min(0).default(DEFAULT_LIMITS.cacheTotalBytes),
  path: z.string().default("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
  version: z.string().default("0.0.0"),
  writeCliFile: z.boolean().default(true),
});

/** Checks settings and fills in defaults. @throws AppError invalid that names the setting */
export function compileServerOptions(options: ServerOptions): CompiledServerOptions {
  const parsed = schema.safeParse(definedOnly(options));
  if (!parsed.success) throw new AppError("invalid", `the server's settings are not valid: ${faults(parsed.error)}`);
  const { listenRunners, publicUrl, databaseUrl, busUrl, repoRoot, adminToken, registrationToken, serverKey, ...rest } =
    parsed.data;
  const { blobDir, maxFileBytes, artifactRetentionDays, cacheRetentionDays, ...others } = rest;
  const { cacheRepositoryBytes, cacheTotalBytes, ...plain } = others;
  const blobs = resolve(blobDir ?? join(plain.dataDir, "blobs"));
  return {
    ...plain,
    dataDir: resolve(plain.dataDir),
    blobDir: blobs,
    logBlobDir: databaseUrl === undefined || blobDir !== undefined ? blobs : null,
    jobServiceLimits: {
      ...{ maxFileBytes, cacheRepositoryBytes, cacheTotalBytes },
      artifactRetentionMs: artifactRetentionDays * DAY_MS,
      cacheRetentionMs: cacheRetentionDays * DAY_MS,
    },
    runnerTokenLifetimeMs: plain.runnerTokenLifetimeMs === 0 ? null : plain.runnerTokenLifetimeMs,
    listenRunners: listenRunners ?? null,
    publicUrl: publicUrl === undefined ? null : normalUrl(publicUrl),
    databaseUrl: databaseUrl ?? null,
    busUrl: busUrl ?? null,
    repoRoot: repoRoot === undefined ? null : resolve(repoRoot),
    adminToken: adminToken ?? null,
    registrationToken: registrationToken ?? null,
    serverKey: serverKey ?? null,
  };
}

/** A setting that is undefined counts as not given. */
function definedOnly(options: ServerOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function faults(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      if (issue.code !== "unrecognized_keys") return `${issue.path.join(".")}: ${issue.message}`;
      return issue.keys
        .map((key) => {
          const nearest = nearestName(key, Object.keys(schema.shape));
          return nearest === undefined ? `unknown setting ${key}` : `unknown setting ${key}, did you mean ${nearest}?`;
        })
        .join("; ");
    })
    .join("; ");
}

function parseAddress(text: string): ListenAddress {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port > 65_535) {
    throw new AppError("invalid", `"${text}" is no address to listen on; write it like 127.0.0.1:3000 or [::1]:3000`);
  }
  return { host: found[1] ?? (found[2] === "" ? "::" : (found[2] ?? "")), port };
}

function normalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== "" ||
    url.hash !== "" ||
    url.username !== ""
  ) {
    throw new AppError(
      "invalid",
      `the public URL "${text}" is no address; write it like https://ci.example.com or https://example.com/ci`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
