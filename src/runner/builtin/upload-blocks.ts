import { createHash } from "node:crypto";
import { AppError } from "../../lib/errors.ts";
import type { ServiceClient } from "./service-client.ts";

/** As large as those of GitHub's own client. */
const BLOCK_BYTES = 8 * 1024 * 1024;
/** Blocks that are under way at the same time. */
const PARALLEL = 3;

/** What was sent. */
export interface Uploaded {
  /** In bytes. */
  readonly size: number;
  /** SHA-256 in hex. */
  readonly digest: string;
}

/** Sends one piece of a file; `start` is the place of its first byte. */
type SendBlock = (block: Buffer, start: number) => Promise<void>;

/** Cuts content into blocks and sends several of them at a time. */
export async function sendBlocks(content: AsyncIterable<Uint8Array>, send: SendBlock): Promise<Uploaded> {
  const hash = createHash("sha256");
  const underWay: Promise<void>[] = [];
  let size = 0;
  for await (const block of blocks(content)) {
    hash.update(block);
    const sent = send(block, size);
    sent.catch(() => undefined); // awaited below, unless another one fails before
    underWay.push(sent);
    size += block.length;
    if (underWay.length >= PARALLEL) await underWay.shift();
  }
  await Promise.all(underWay);
  return { size, digest: hash.digest("hex") };
}

/** Sends a file to a signed address, as one does with Azure's block blobs. @throws AppError unavailable */
export async function uploadBlocks(
  client: ServiceClient,
  url: string,
  content: AsyncIterable<Uint8Array>,
): Promise<Uploaded> {
  const names: string[] = [];
  const put = async (query: Readonly<Record<string, string>>, body: string | Uint8Array) => {
    const address = new URL(url);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    const headers = { "x-ms-blob-type": "BlockBlob", "content-type": "application/octet-stream" };
    const { status } = await client.send({ method: "PUT", url: address.href, headers, body });
    if (status < 200 || status > 299) throw new AppError("unavailable", `the upload was answered with ${status}`);
  };
  const uploaded = await sendBlocks(content, async (block) => {
    const name = Buffer.from(`block-${String(names.length).padStart(6, "0")}`).toString("base64");
    names.push(name);
    await put({ comp: "block", blockid: name }, block);
  });
  const list = names.map((name) => `<Latest>${name}</Latest>`).join("");
  await put({ comp: "blocklist" }, `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`);
  return uploaded;
}

async function* blocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + BLOCK_BYTES - size);
      pieces.push(piece);
      size += piece.length;
      at += piece.length;
      if (size < BLOCK_BYTES) continue;
      yield Buffer.concat(pieces, size);
      [pieces, size] = [[], 0];
    }
  }
  if (size > 0) yield Buffer.concat(pieces, size);
}
