import { posix } from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Header } from "tar-stream";
import { fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
import { ZipFile } from "yazl";
import type { OpenFile } from "../../executors/executor.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import { makeTar, tarEntries } from "../../lib/tar-entries.ts";

/** Files of a zip are readable by all, as GitHub's client leaves them: it keeps no modes. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
const REGULAR = 0o100000;

/** How a zip is made. */
export interface ZipOptions {
  /** Name in the zip for a name in the archive. */
  readonly nameOf: (name: string) => string;
  /** Of zlib, 0 to 9. */
  readonly level: number;
}

/** The files of a tar as a zip. Entries that are links to others in it become files of their own. */
export function zipOfTar(file: OpenFile, { nameOf, level }: ZipOptions): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  const add = async ({ name, mode, mtime }: Header, content: AsyncIterable<Uint8Array>) => {
    const stream = Readable.from(content);
    const stop = () => stream.destroy(new AppError("cancelled", "nobody reads the zip any more"));
    output.once("close", stop);
    const options = { mtime, mode: REGULAR | (mode & 0o777), compressionLevel: level };
    zip.addReadStream(stream, nameOf(name), options);
    await finished(stream);
    output.off("close", stop);
  };
  const fill = async () => {
    const places = new Map<string, { readonly start: number; readonly end: number }>();
    const links: Header[] = [];
    for await (const { header, content, offset, skip } of tarEntries(file.read())) {
      if (header.type === "file") {
        places.set(header.name, { start: offset, end: offset + header.size });
        await add(header, content);
        continue;
      }
      if (header.type === "link") links.push(header);
      skip();
    }
    for (const link of links) await add(link, file.read(places.get(link.linkname) ?? { start: 0, end: 0 }));
    zip.end();
  };
  fill().catch((error: Error) => output.destroy(error));
  return output;
}

/**
 * The files of a zip as a tar with names relative to `/`. Names that would leave the folder break it off.
 * @param folder where the files go, absolute
 */
export function tarOfZip(file: OpenFile, folder: string): Readable {
  return makeTar(async (add) => {
    const zip = await openZip(file);
    for await (const entry of zip.eachEntry()) {
      const name = `.${posix.join(folder, entry.fileName)}`;
      if (entry.fileName.endsWith("/")) {
        await add({ name, type: "directory", mode: FOLDER_MODE });
        continue;
      }
      const content = await zip.openReadStreamPromise(entry);
      await add({ name, type: "file", mode: FILE_MODE, size: entry.uncompressedSize }, content);
    }
  });
}

/** One file as a tar. @param path where it goes, absolute */
export function tarOfFile(file: OpenFile, path: string): Readable {
  return makeTar((add) => add({ name: `.${path}`, type: "file", mode: FILE_MODE, size: file.size }, file.read()));
}

async function openZip(file: OpenFile) {
  try {
    return await fromRandomAccessReaderPromise(new FileReader(file), file.size, {
      lazyEntries: true,
      autoClose: false,
    });
  } catch (error) {
    throw new AppError("invalid", `the artifact is no zip that can be read: ${errorText(error)}`, error);
  }
}

/** Lets the zip library read by ranges; its interface is a class to extend. */
class FileReader extends RandomAccessReader {
  readonly #file: OpenFile;

  constructor(file: OpenFile) {
    super();
    this.#file = file;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return this.#file.read({ start, end });
  }
}
