import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Artifact } from "../../jobservices/artifact-records.ts";
import { fileName } from "../../jobservices/artifact-v4-endpoints.ts";
import type { RawExchange } from "../../jobservices/exchange.ts";
import type { JobTokens } from "../../jobservices/job-identity.ts";
import { ListedArtifacts } from "../../jobservices/listed-artifacts.ts";
import { ListedCaches } from "../../jobservices/listed-caches.ts";
import { type OpenJobServices, openJobServices } from "../../jobservices/open-job-services.ts";
import { RecordList } from "../../jobservices/record-list.ts";
import { serveJobServices } from "../../jobservices/serve-job-services.ts";
import { FolderBlobStore } from "../../lib/blobs/folder-blob-store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";

/** What the store is made with. */
export interface LocalStoreOptions {
  readonly artifactDir: string;
  readonly cacheDir: string;
  readonly tokens: JobTokens;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** The artifacts of one run of `exec`, and the caches of all of them. */
export class LocalStore implements AsyncDisposable {
  readonly #artifacts: OpenJobServices;
  readonly #caches: OpenJobServices;
  readonly #records: RecordList<Artifact>;
  readonly #log: Logger;

  private constructor(
    services: { readonly artifacts: OpenJobServices; readonly caches: OpenJobServices },
    records: RecordList<Artifact>,
    log: Logger,
  ) {
    this.#artifacts = services.artifacts;
    this.#caches = services.caches;
    this.#records = records;
    this.#log = log;
  }

  /** Reads what is known of caches. @throws when their folder cannot be read */
  static async open({ artifactDir, cacheDir, ...parts }: LocalStoreOptions): Promise<LocalStore> {
    const records = await RecordList.open<Artifact>();
    const open = async (dir: string, entries?: string) =>
      openJobServices({
        ...parts,
        blobs: new FolderBlobStore(resolve(dir, "blobs")),
        artifacts: new ListedArtifacts(records),
        caches: new ListedCaches(await RecordList.open(entries)),
        key: randomBytes(32),
      });
    const services = { artifacts: await open(artifactDir), caches: await open(cacheDir, join(cacheDir, "entries")) };
    await services.caches.sweep();
    return new LocalStore(services, records, parts.log);
  }

  /** Answers a request; never rejects. */
  async serve(raw: RawExchange): Promise<void> {
    const isCache = /CacheService\/|\/artifactcache\/|\/blobs\/cache\//.test(raw.request.url ?? "");
    await serveJobServices(isCache ? this.#caches : this.#artifacts, raw, this.#log);
  }

  /** Copies all artifacts into a folder, each as one file; returns their paths. */
  async saveArtifacts(folder: string): Promise<readonly string[]> {
    const paths: string[] = [];
    for (const artifact of this.#records.all.filter(({ status, protocol }) => status === "ready" && protocol === 4)) {
      const [file] = artifact.files;
      if (file === undefined) continue;
      await mkdir(folder, { recursive: true });
      const path = join(folder, fileName(artifact));
      await pipeline(Readable.from(this.#artifacts.uploads.read(file)), createWriteStream(path));
      paths.push(path);
    }
    return paths;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#artifacts[Symbol.asyncDispose]();
    await this.#caches[Symbol.asyncDispose]();
  }
}
