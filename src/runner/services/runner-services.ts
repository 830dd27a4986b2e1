import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { FolderBlobStore } from "../../jobservices/folder-blob-store.ts";
import type { JobIdentity } from "../../jobservices/job-identity.ts";
import { ListedArtifacts } from "../../jobservices/listed-artifacts.ts";
import { ListedCaches } from "../../jobservices/listed-caches.ts";
import { listenJobServices } from "../../jobservices/listen-job-services.ts";
import { openJobServices } from "../../jobservices/open-job-services.ts";
import { RecordList } from "../../jobservices/record-list.ts";
import { JOB_SERVICE_PREFIXES, serveJobServices } from "../../jobservices/serve-job-services.ts";
import type { Services } from "../../jobservices/services.ts";
import { TokenRegistry } from "../../jobservices/token-registry.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Logger } from "../../lib/logger.ts";
import type { CacheConfig } from "../cache-config.ts";
import { type ForwardTarget, forward } from "./forward.ts";
import { isLoopback, ownAddress } from "./own-address.ts";

/** What a runner's own services are made with. */
export interface RunnerServicesOptions {
  readonly config: CacheConfig;
  /** Address of the instance, without a slash at its end. */
  readonly instance: string;
  readonly insecure: boolean;
  /** The instance has caches of its own, so that none are kept here. */
  readonly instanceHasCaches: boolean;
  /** Folder of the cache where the configuration names none. */
  readonly defaultDir: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** A job that may call services. */
export interface ServiceJob {
  /** `ACTIONS_RUNTIME_TOKEN`. */
  readonly token: string;
  readonly github: Readonly<Record<string, JsonValue>>;
  /** Its steps run in a container, which does not see this machine's loopback. */
  readonly inContainer: boolean;
}

/** Variables of a job, valid until it is disposed. */
export interface ServiceAccess extends Disposable {
  readonly env: Readonly<Record<string, string>>;
}

/** Longest name of a ref or repository that is told apart by a number: 48 bits of its hash. */
const ID_BYTES = 6;

/**
 * What a runner itself offers to its jobs: a cache server where the instance has none (Gitea's `cache.*` settings), and a
 * way from containers to an instance that listens on this machine's loopback only. One port does both; it is opened when
 * the first job needs it.
 */
export class RunnerServices implements AsyncDisposable {
  readonly #options: RunnerServicesOptions;
  readonly #tokens = new TokenRegistry();
  readonly #resources = new AsyncDisposableStack();
  #opened: Promise<{ readonly port: number }> | undefined;

  constructor(options: RunnerServicesOptions) {
    this.#options = options;
  }

  /** The variables by which a job finds its services; those that are absent are the instance's own. */
  async begin(job: ServiceJob): Promise<ServiceAccess> {
    const { config, instance, instanceHasCaches } = this.#options;
    const v2: Record<string, string> = config.v2 ? { ACTIONS_CACHE_SERVICE_V2: "true" } : {};
    const external = config.externalServer.replace(/\/*$/, "/");
    if (config.enabled && config.externalServer !== "") return free({ ACTIONS_CACHE_URL: external });
    if (instanceHasCaches) {
      const env = { ...v2, ACTIONS_CACHE_URL: `${instance}/api/actions_pipeline/` };
      if (!job.inContainer || !isLoopback(instance)) return free(config.enabled ? env : {});
      const own = await this.#address(job);
      return free({
        ...(config.enabled ? { ...v2, ACTIONS_CACHE_URL: `${own}/api/actions_pipeline/` } : {}),
        ...{ ACTIONS_RUNTIME_URL: `${own}/api/actions_pipeline/`, ACTIONS_RESULTS_URL: own },
      });
    }
    if (!config.enabled) return free({});
    const own = await this.#address(job);
    const registered = this.#tokens.register(job.token, identityOf(job));
    const results: Record<string, string> = config.v2 ? { ACTIONS_RESULTS_URL: own } : {};
    return {
      env: { ...v2, ...results, ACTIONS_CACHE_URL: `${own}/` },
      [Symbol.dispose]: () => registered[Symbol.dispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.catch(() => undefined);
    await this.#resources.disposeAsync();
  }

  async #address({ inContainer }: ServiceJob): Promise<string> {
    this.#opened ??= this.#open();
    const { port } = await this.#opened;
    const { host } = this.#options.config;
    const name = host !== "" ? host : ((inContainer ? ownAddress() : undefined) ?? "127.0.0.1");
    return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
  }

  async #open(): Promise<{ readonly port: number }> {
    const { config, instance, insecure, instanceHasCaches, log } = this.#options;
    const target: ForwardTarget = { base: instance, insecure, keepHost: instanceHasCaches };
    const services = instanceHasCaches ? undefined : await this.#openCaches();
    const opened = await listenJobServices({ port: config.port }, (request, response, base) => {
      if (services !== undefined && !isArtifactCall(request)) {
        void serveJobServices(services, { request, response, base }, log);
      } else if (JOB_SERVICE_PREFIXES.some((prefix) => request.url?.startsWith(`${prefix}/`))) {
        void forward(request, response, target);
      } else {
        refuse(response);
      }
    });
    this.#resources.use(opened);
    log.info({ port: opened.port, caches: !instanceHasCaches }, "the services of the jobs are open");
    return opened;
  }

  async #openCaches(): Promise<Services> {
    const { config, clock, ids, log, defaultDir } = this.#options;
    const dir = config.dir || defaultDir;
    const { artifacts: _none, ...services } = this.#resources.use(
      openJobServices({
        blobs: new FolderBlobStore({ root: join(dir, "blobs"), ids }),
        artifacts: new ListedArtifacts(await RecordList.open()),
        caches: new ListedCaches(await RecordList.open(join(dir, "entries"))),
        tokens: this.#tokens,
        key: randomBytes(32),
        limits: {
          ...{ cacheRetentionMs: config.retentionMs, cacheRepositoryBytes: config.repositoryBytes },
          ...{ cacheTotalBytes: config.totalBytes },
        },
        sweepEveryMs: config.sweepEveryMs,
        ...{ clock, ids, log },
      }),
    );
    return services;
  }
}

function free(env: Readonly<Record<string, string>>): ServiceAccess {
  return { env, [Symbol.dispose]: () => undefined };
}

/** The instance keeps the artifacts; the client asks for them where it asks for caches. */
function isArtifactCall({ url = "" }: IncomingMessage): boolean {
  return /^\/twirp\/[\w.]+\.ArtifactService\//.test(url) || url.startsWith("/api/actions_pipeline/");
}

function refuse(response: ServerResponse): void {
  response.writeHead(404, { connection: "close" }).end();
}

/** Who a job is to the runner's own cache: it is told apart by its repository and its ref. */
function identityOf({ token, github }: ServiceJob): JobIdentity {
  const text = (key: string) => (typeof github[key] === "string" ? (github[key] as string) : "");
  const ref = text("ref");
  const base = text("base_ref");
  const main = defaultBranch(github["event"]);
  const refs = [ref, ...[base, main].filter((name) => name !== "").map((name) => `refs/heads/${name}`)];
  return {
    taskId: numberOf(token),
    ...{ jobId: numberOf(token), runId: Number(text("run_id")) || 0, attempt: Number(text("run_attempt")) || 1 },
    repositoryId: numberOf(text("repository").toLowerCase()),
    ...{ cacheRef: ref, cacheRefs: [...new Set(refs)] },
  };
}

function defaultBranch(event: JsonValue | undefined): string {
  const repository = typeof event === "object" && event !== null && !Array.isArray(event) ? event["repository"] : null;
  if (typeof repository !== "object" || repository === null || Array.isArray(repository)) return "";
  const branch = repository["default_branch"];
  return typeof branch === "string" ? branch : "";
}

function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUIntBE(0, ID_BYTES);
}
