import { once } from "node:events";
import { Readable } from "node:stream";
import { extract, type Header, pack } from "tar-stream";

const HEADER_BYTES = 512;

/** An entry of an archive; its content has to be read, or skipped, before the next one comes. */
export interface TarEntry {
  readonly header: Header;
  /** Where its content begins in the archive. */
  readonly offset: number;
  readonly content: AsyncIterable<Uint8Array>;
  skip(): void;
}

/** A file, folder or link for an archive; what is left out has tar's defaults. */
export type NewTarEntry = Partial<Header> & Pick<Header, "name">;

/** Adds one entry, at the pace at which the archive is read. */
export type AddEntry = (header: NewTarEntry, content?: AsyncIterable<Uint8Array>) => Promise<void>;

/** The entries of an archive, in order. */
export async function* tarEntries(source: Readable): AsyncGenerator<TarEntry> {
  const reader = extract();
  source.on("error", (error) => reader.destroy(error));
  source.on("data", (chunk) => {
    if (!reader.write(chunk)) source.pause();
  });
  source.on("end", () => reader.end(undefined));
  reader.on("drain", () => source.resume());
  try {
    for await (const entry of reader) {
      const content = entry as unknown as AsyncIterable<Uint8Array>;
      yield { header: entry.header, offset: entry.offset + HEADER_BYTES, content, skip: () => entry.resume() };
    }
  } finally {
    source.destroy();
  }
}

/** An archive that is made while it is read; what `fill` throws breaks it off. */
export function makeTar(fill: (add: AddEntry) => Promise<void>): Readable {
  const archive = pack();
  const add: AddEntry = async (header, content) => {
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => undefined); // awaited below, unless the content breaks off before
    const sink = archive.entry(header, (error) => (error ? done.reject(error) : done.resolve()));
    for await (const chunk of content ?? []) {
      if (!sink.write(chunk)) await Promise.race([once(sink, "drain"), done.promise]);
    }
    sink.end(undefined);
    await done.promise;
  };
  fill(add).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  return Readable.from(archive);
}

/** The same archive under other names. @param rename gets names as they stand, folders with or without a slash at the end */
export function renameEntries(source: Readable, rename: (name: string) => string): Readable {
  return makeTar(async (add) => {
    for await (const { header, content } of tarEntries(source)) {
      const linkname = header.type === "link" && header.linkname ? rename(header.linkname) : header.linkname;
      await add({ ...header, name: rename(header.name), linkname }, content);
    }
  });
}
