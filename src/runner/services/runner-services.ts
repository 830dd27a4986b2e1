import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join, resolve } from "node:path";
import { ListedArtifacts } from "../../jobservices/listed-artifacts.ts";
import { ListedCaches } from "../../jobservices/listed-caches.ts";
import { listenJobServices } from "../../jobservices/listen-job-services.ts";
import { openJobServices } from "../../jobservices/open-job-services.ts";
import { RecordList } from "../../jobservices/record-list.ts";
import { JOB_SERVICE_PREFIXES, serveJobServices } from "../../jobservices/serve-job-services.ts";
import type { Services } from "../../jobservices/services.ts";
import { TokenRegistry } from "../../jobservices/token-registry.ts";
import { FolderBlobStore } from "../../lib/blobs/folder-blob-store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { CacheConfig } from "../cache-config.ts";
import { type ForwardTarget, forward } from "./forward.ts";
import { identifyJob } from "./identify-job.ts";
import { isLoopback, ownAddress } from "./own-address.ts";
import type { ServiceAccess, ServiceJob } from "./service-job.ts";

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
    const registered = this.#tokens.register(job.token, identifyJob(job));
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
        blobs: new FolderBlobStore(resolve(dir, "blobs")),
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
