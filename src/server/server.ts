import { lookup } from "node:dns/promises";
import { mkdir, realpath, statfs } from "node:fs/promises";
import { Git } from "../drivers/git/git.ts";
import type { OpenJobServices } from "../jobservices/open-job-services.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { type Ids, systemIds } from "../lib/ids.ts";
import { type Logger, silentLogger } from "../lib/logger.ts";
import { writeCliFile } from "./cli-file.ts";
import { openHttpSide } from "./http-side.ts";
import { serverJobServices } from "./job-services.ts";
import { joinReplicas, type Replica } from "./replica.ts";
import type { RestDeps } from "./rest/rest-deps.ts";
import {
  type CompiledServerOptions,
  compileServerOptions,
  type ListenAddress,
  type ServerOptions,
} from "./server-options.ts";
import { type AppServices, appServices } from "./services/app-services.ts";
import { bootstrap } from "./services/bootstrap.ts";
import { cleanUpSchedules } from "./services/clean-up-schedule.ts";
import { DiskWatch } from "./services/disk-watch.ts";
import { openServerKeys, type ServerKeys } from "./services/server-keys.ts";
import { openStore } from "./storage/open-store.ts";
import type { Store } from "./storage/store.ts";

/** What a test or a program may put in the place of the machine's own. */
export interface ServerParts {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly log?: Logger;
}

/** A server that takes requests. Disposing it closes it at once. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: ListenAddress;
  /** Where the runner protocol is served alone, or null. */
  readonly runnersAddress: ListenAddress | null;
  /** Address on this machine, without a slash at its end. */
  readonly url: string;
  /** Address that runners and people see. */
  readonly publicUrl: string;
  /** The admin token where this start made it; it is not shown again. */
  readonly adminToken?: string;
  /** Everything behind the interfaces, for programs that run in the same process. */
  readonly services: AppServices;
  /** Artifacts, caches and summaries of jobs. */
  readonly jobServices: OpenJobServices;
  /** Takes no more requests, lets those in flight finish for `graceMs` (default 5 s), writes what is pending. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const GRACE_MS = 5_000;
const MIB = 1024 * 1024;

/** Starts a server: store, keys, services, HTTP. @throws AppError for settings, the data directory, the database or the port */
export async function startServer(options: ServerOptions, given: ServerParts = {}): Promise<RunningServer> {
  const compiled = compileServerOptions(options);
  const machine = { clock: systemClock, ids: systemIds, log: silentLogger, ...given };
  // With a port that is free to choose the address is only known once the server listens.
  const fixed = compiled.listen.port === 0 ? "" : localUrl(compiled.listen);
  const place = { publicUrl: compiled.publicUrl ?? fixed };
  const stopping = { signal: new AbortController(), draining: new AbortController(), graceMs: 0 };
  await mkdir(compiled.dataDir, { recursive: true, mode: 0o700 });
  await using started = new AsyncDisposableStack();
  const store = started.use(await openStore(storeOptions(compiled, machine)));
  const { clock, bus } = started.use(await joinReplicas(store, compiled.busUrl, machine));
  const parts = { ...machine, clock, bus };
  const keys = await openKeys(compiled, store);
  const services = started.use(await makeServices(compiled, store, keys, parts, () => place.publicUrl));
  const made = await bootstrap({ store, ...parts, ...services.protocol }, presetsOf(compiled));
  const { log } = parts;
  const disk = started.use(diskWatch(compiled, services, parts));
  await disk.start();
  await services.protocol.start();
  services.crons.start();
  services.groups.start();
  const jobServices = started.use(
    serverJobServices({ options: compiled, store, keys, ...parts, ...services.protocol }),
  );
  const rest: RestDeps = {
    ...services,
    jobServices,
    registrationTokens: services.protocol.registrationTokens,
    ...{ clock, log, publicUrl: () => place.publicUrl, version: compiled.version },
    ...{ ready: () => store.ping().then(() => disk.remark), closing: stopping.signal.signal },
    draining: stopping.draining.signal,
  };
  const http = await openHttpSide({ options: compiled, clock, log, protocol: services.protocol, rest });
  started.defer(() => http.close(stopping.graceMs));
  const url = localUrl(http.address);
  place.publicUrl ||= url;
  if (compiled.writeCliFile) {
    const deps = { store, clock, hasher: services.protocol.hasher, ...services };
    await writeCliFile(deps, compiled.dataDir, url, made.adminToken ?? compiled.adminToken ?? undefined);
  }
  log.info({ address: url, publicUrl: place.publicUrl }, "the server is ready");
  const resources = started.move();
  let closed: Promise<void> | undefined;
  const close = (graceMs: number): Promise<void> => {
    closed ??= (async () => {
      stopping.graceMs = graceMs;
      stopping.draining.abort();
      if (graceMs > 0 && compiled.drainMs > 0) await clock.sleep(compiled.drainMs, {});
      stopping.signal.abort(new AppError("unavailable", "the server is closing"));
      services.protocol.stop();
      await resources.disposeAsync();
      log.info({ address: url }, "the server is closed");
    })();
    return closed;
  };
  return {
    ...{
      address: http.address,
      runnersAddress: http.runnersAddress,
      url,
      publicUrl: place.publicUrl,
      services,
      jobServices,
    },
    ...(made.adminToken === undefined ? {} : { adminToken: made.adminToken }),
    close: ({ graceMs = GRACE_MS } = {}) => close(graceMs),
    [Symbol.asyncDispose]: () => close(0),
  };
}

function storeOptions(options: CompiledServerOptions, { clock, log }: Required<ServerParts>) {
  const { dataDir, databaseUrl, databasePool: poolSize, logBlobDir, maxLogSizeMib } = options;
  return {
    ...{ dataDir, poolSize, clock, logger: log, largestLog: maxLogSizeMib * MIB },
    ...(databaseUrl === null ? {} : { databaseUrl }),
    ...(logBlobDir === null ? {} : { blobs: { kind: "folder" as const, path: logBlobDir } }),
  };
}

function diskWatch(
  { dataDir, minFreeDiskMib }: CompiledServerOptions,
  services: AppServices,
  parts: Required<ServerParts>,
) {
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(dataDir);
    return bavail * bsize;
  };
  const hold = (held: boolean) => services.protocol.dispatcher.hold(held);
  return new DiskWatch({ ...parts, freeBytes, hold, mark: minFreeDiskMib * MIB });
}

function openKeys({ dataDir, serverKey }: CompiledServerOptions, store: Store): Promise<ServerKeys> {
  return openServerKeys({ dataDir, store, ...(serverKey === null ? {} : { key: serverKey }) });
}

async function makeServices(
  options: CompiledServerOptions,
  store: Store,
  keys: ServerKeys,
  parts: Required<ServerParts> & Pick<Replica, "bus">,
  publicUrl: () => string,
): Promise<AppServices> {
  const { dataDir, repoRoot, allowPrivateAddresses, allowHttpClone: allowHttp } = options;
  const clonePolicy = {
    repoRoot: repoRoot === null ? null : await realRoot(repoRoot),
    allowPrivateAddresses,
    allowHttp,
  };
  return appServices({
    ...parts,
    ...{ store, keys, publicUrl, dataDir, clonePolicy, lookup: addressesOf },
    git: new Git({ path: options.path }),
    defaultActionsUrl: options.defaultActionsUrl,
    emptyRunsOnMatches: options.emptyRunsOn === "any",
    offlineAfterMs: options.offlineAfterMs,
    ...{ cleanUp: options.cleanUp, schedules: cleanUpSchedules(options.schedules) },
    tokens: { lifetimeMs: options.runnerTokenLifetimeMs, overlapMs: options.runnerTokenOverlapMs },
    version: options.version,
  });
}

async function realRoot(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new AppError(
      "invalid",
      `the repository root ${path} does not exist; make it, or leave --repo-root out`,
      error,
    );
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function presetsOf({ adminToken, registrationToken }: CompiledServerOptions) {
  return {
    ...(adminToken === null ? {} : { adminToken }),
    ...(registrationToken === null ? {} : { registrationToken }),
  };
}

/** The address for programs on this machine: one that listens everywhere is reached by loopback. */
function localUrl({ host, port }: ListenAddress): string {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
