import { AppError } from "../lib/errors.ts";
import type { Caches } from "./caches.ts";
import type { Exchange } from "./exchange.ts";
import type { JobIdentity } from "./job-identity.ts";
import { MessageFields } from "./message-fields.ts";
import { DOWNLOAD_MS, type Endpoint, type Services } from "./services.ts";
import { rangeName } from "./uploads.ts";

/** Cache protocol 1, below `…_apis/artifactcache/` (recorded from `@actions/cache` where it takes the host for no GitHub). */
export const cacheV1Endpoint: Endpoint = async (services, exchange, match) => {
  const { caches, tokens } = services;
  if (caches === undefined) throw new AppError("not_found", "there are no caches here");
  const job = await tokens.identify(exchange.token());
  const [, resource, id] = match;
  const call = `${exchange.method} ${resource}${id === undefined ? "" : "/id"}`;
  if (call === "GET cache") return await find({ ...services, caches }, job, exchange);
  if (call === "POST caches") return await reserve(caches, job, exchange);
  if (call === "PATCH caches/id") return await takeRange({ ...services, caches }, job, exchange, Number(id));
  if (call === "POST caches/id") return await commit({ ...services, caches }, job, exchange, Number(id));
  if (call === "GET caches") return exchange.sendJson(200, { totalCount: 0, artifactCaches: [] });
  throw new AppError("not_found", `there is no ${exchange.method} of ${resource}`);
};

type WithCaches = Services & { readonly caches: Caches };

async function find({ caches, addresses }: WithCaches, job: JobIdentity, exchange: Exchange): Promise<void> {
  const keys = (exchange.query.get("keys") ?? "").split(",").filter((key) => key !== "");
  const entry = await caches.restore(job, keys, exchange.query.get("version") ?? "");
  if (entry === undefined) return exchange.send(204);
  const grant = { action: "read", kind: "cache", id: entry.id } as const;
  exchange.sendJson(200, {
    archiveLocation: addresses.sign(exchange.base, grant, "cache", DOWNLOAD_MS),
    cacheKey: entry.key,
    cacheVersion: entry.version,
    scope: entry.ref,
    creationTime: new Date(entry.createdAt).toISOString(),
  });
}

async function reserve(caches: Caches, job: JobIdentity, exchange: Exchange): Promise<void> {
  const fields = new MessageFields(await exchange.json());
  const { id } = await caches.reserve(job, fields.text("key"), fields.text("version"));
  exchange.sendJson(201, { cacheId: id });
}

async function takeRange({ caches, uploads }: WithCaches, job: JobIdentity, exchange: Exchange, id: number) {
  const { folder } = await own(caches, job, id);
  const start = /^bytes (\d{1,15})-\d{1,15}\/(\*|\d+)$/.exec(exchange.header("content-range") ?? "")?.[1];
  if (start === undefined) throw new AppError("invalid", "the header Content-Range has to be like 'bytes 0-99/*'");
  await uploads.write({ folder, name: rangeName(Number(start)), content: exchange.body(), signal: exchange.signal });
  exchange.send(204);
}

async function commit({ caches, uploads }: WithCaches, job: JobIdentity, exchange: Exchange, id: number) {
  const entry = await own(caches, job, id);
  const size = new MessageFields(await exchange.json()).number("size");
  await caches.finish(entry, await uploads.assembleRanges(entry.folder), size);
  exchange.send(204);
}

/** An entry that this very job is saving. @throws AppError not_found, conflict */
async function own(caches: Caches, job: JobIdentity, id: number) {
  const entry = await caches.pending(id);
  if (entry.taskId !== job.taskId) throw new AppError("not_found", `cache ${id} does not exist`);
  return entry;
}
