import { AppError } from "../lib/errors.ts";
import { fileName } from "./artifact-v4-endpoints.ts";
import type { Exchange } from "./exchange.ts";
import type { Endpoint, Services } from "./services.ts";
import type { Grant } from "./signed-addresses.ts";
import type { StoredFile } from "./stored-file.ts";

/** Name of the part of a file that comes in one piece. */
const WHOLE = "whole";

/**
 * Files by signed addresses, as Azure's block blobs: `PUT ?comp=block&blockid=…` in any order, then `PUT
 * ?comp=blocklist`, or one plain PUT; GET and HEAD with ranges.
 */
export const blobEndpoint: Endpoint = async (services, exchange) => {
  const grant = services.addresses.verify(exchange.path, exchange.query);
  if (exchange.method === "PUT" && grant.action === "write") return await takeUpload(services, exchange, grant);
  if (/^(GET|HEAD)$/.test(exchange.method) && grant.action === "read") return await serve(services, exchange, grant);
  throw new AppError("forbidden", `the address does not allow ${exchange.method}`);
};

async function takeUpload(services: Services, exchange: Exchange, grant: Grant): Promise<void> {
  const { uploads, tokens } = services;
  const target = await openTarget(services, grant);
  if (!(await tokens.isRunning(target.taskId))) {
    throw new AppError("forbidden", "the task of this upload has ended, and the address with it");
  }
  const comp = exchange.query.get("comp");
  const { folder } = target;
  if (comp === "block") {
    const name = exchange.query.get("blockid") ?? "";
    if (name === "") throw new AppError("invalid", "the query has no blockid");
    await uploads.write({ folder, name: `block ${name}`, content: exchange.body(), signal: exchange.signal });
  } else if (comp === "blocklist") {
    const names = [...(await exchange.text()).matchAll(/<(?:Latest|Uncommitted|Committed)>([^<]*)</g)];
    await target.complete(
      await uploads.assemble(
        folder,
        names.map(([, name]) => `block ${name?.trim()}`),
      ),
    );
  } else if (comp === null) {
    await uploads.write({ folder, name: WHOLE, content: exchange.body(), signal: exchange.signal });
    await target.complete(await uploads.assemble(folder, [WHOLE]));
  } else {
    throw new AppError("invalid", `comp=${comp} is not served`);
  }
  exchange.send(201);
}

/** The thing that an address for writing stands for, while it is open. @throws AppError not_found, conflict */
async function openTarget({ artifacts, caches }: Services, { kind, id }: Grant) {
  if (kind === "artifact" && artifacts !== undefined) {
    const artifact = await artifacts.pending(id);
    return {
      ...artifact,
      complete: (file: StoredFile) => artifacts.setFiles(artifact, [{ ...file, path: artifact.name, encoding: null }]),
    };
  }
  if (kind === "cache" && caches !== undefined) {
    const entry = await caches.pending(id);
    return { ...entry, complete: (file: StoredFile) => caches.setFile(entry, file) };
  }
  throw new AppError("not_found", `there are no ${kind}s here`);
}

async function serve({ artifacts, caches, uploads }: Services, exchange: Exchange, { kind, id }: Grant): Promise<void> {
  if (kind === "artifact" && artifacts !== undefined) {
    const artifact = await artifacts.readable(id);
    const [file] = artifact.files;
    if (file === undefined) throw new AppError("not_found", `artifact ${id} has no file`);
    const headers = { "content-type": artifact.contentType, "content-disposition": disposition(fileName(artifact)) };
    return await exchange.sendFile(file.size, headers, (range) => uploads.read(file, range));
  }
  const { file } = (await caches?.readable(id)) ?? {};
  if (!file) throw new AppError("not_found", `there is no ${kind} ${id} here`);
  return await exchange.sendFile(file.size, { "content-type": "application/octet-stream" }, (range) =>
    uploads.read(file, range),
  );
}

/** Both spellings of RFC 6266; the plain one for old clients. */
export function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
