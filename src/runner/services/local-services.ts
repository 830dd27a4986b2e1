import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type JobServicePort, listenJobServices } from "../../jobservices/listen-job-services.ts";
import { TokenRegistry } from "../../jobservices/token-registry.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import { identifyJob } from "./identify-job.ts";
import type { LocalStore } from "./local-store.ts";
import { ownAddress } from "./own-address.ts";
import type { ServiceAccess, ServiceJob } from "./service-job.ts";

/** What the services of `exec` are made with. */
export interface LocalServicesOptions {
  /** Folder of the artifacts, which goes with the process. */
  readonly folder: string;
  /** Folder of the caches, which stays. */
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** Access of a job, and what is not to be shown of it. */
export interface LocalAccess extends ServiceAccess {
  readonly masks: readonly string[];
}

/**
 * Artifacts and caches for jobs without a server. The port opens with the first job; what is behind it is loaded with the
 * first request, so that a workflow that calls nothing pays nothing.
 */
export class LocalServices implements AsyncDisposable {
  readonly #options: LocalServicesOptions;
  readonly #tokens = new TokenRegistry();
  readonly #ports = new Map<string, Promise<JobServicePort>>();
  #store: Promise<LocalStore> | undefined;
  #jobs = 0;

  constructor(options: LocalServicesOptions) {
    this.#options = options;
  }

  /** The variables by which a job finds its services. */
  async begin({ github, inContainer }: Omit<ServiceJob, "token">): Promise<LocalAccess> {
    const host = inContainer ? (ownAddress() ?? "127.0.0.1") : "127.0.0.1";
    const { port } = await this.#port(host);
    const base = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const job = { ...identifyJob({ token: "", github, inContainer }), runId: 1, jobId: ++this.#jobs };
    const token = makeToken(job);
    const registered = this.#tokens.register(token, { ...job, taskId: randomBytes(6).readUIntBE(0, 6) });
    return {
      env: {
        ACTIONS_RUNTIME_URL: `${base}/api/actions_pipeline/`,
        ACTIONS_RESULTS_URL: base,
        ACTIONS_CACHE_URL: `${base}/`,
        ACTIONS_CACHE_SERVICE_V2: "true",
        ACTIONS_RUNTIME_TOKEN: token,
      },
      masks: [token],
      [Symbol.dispose]: () => registered[Symbol.dispose](),
    };
  }

  /** Copies all artifacts into a folder, each as one file; returns their paths. @throws AppError unavailable */
  async saveArtifacts(folder: string): Promise<readonly string[]> {
    return this.#store === undefined ? [] : await (await this.#store).saveArtifacts(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const port of this.#ports.values()) await (await port.catch(() => undefined))?.[Symbol.asyncDispose]();
    await (await this.#store?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  /** Jobs of the host are served by loopback, containers by an address that they reach. */
  #port(host: string): Promise<JobServicePort> {
    const opened =
      this.#ports.get(host) ??
      listenJobServices({ host, port: 0 }, (request, response, base) => {
        this.#store ??= this.#open();
        this.#store.then(
          (store) => void store.serve({ request, response, base }),
          (error: unknown) => {
            this.#options.log.error({ err: error }, "the services of the jobs could not be opened");
            response.writeHead(503, { connection: "close" }).end();
          },
        );
      });
    this.#ports.set(host, opened);
    return opened;
  }

  async #open(): Promise<LocalStore> {
    const { LocalStore } = await import("./local-store.ts");
    const { folder, ...rest } = this.#options;
    return await LocalStore.open({ ...rest, tokens: this.#tokens, artifactDir: join(folder, "artifacts") });
  }
}

/** A JWT in form: GitHub's client reads its claim `scp`; nobody checks its signature, the whole text is looked up. */
function makeToken({ runId, jobId }: { readonly runId: number; readonly jobId: number }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { scp: `Actions.Results:${runId}:${jobId}`, RunID: runId, JobID: jobId };
  return `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}.${randomBytes(32).toString("base64url")}`;
}
