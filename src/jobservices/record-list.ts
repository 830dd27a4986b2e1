import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/write-file-atomic.ts";

/** Records by id, in memory, and in a folder as well where they are to outlive the process. One process uses a folder at a time. */
export class RecordList<T extends { readonly id: number }> {
  readonly #records = new Map<number, T>();
  readonly #folder: string | undefined;
  #lastId = 0;

  private constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** @param folder one JSON file for each record; made when missing. A file that cannot be read is removed. @default memory alone */
  static async open<T extends { readonly id: number }>(folder?: string): Promise<RecordList<T>> {
    const list = new RecordList<T>(folder);
    if (folder !== undefined) await list.#load(folder);
    return list;
  }

  /** All records, the newest first. */
  get all(): readonly T[] {
    return [...this.#records.values()].reverse();
  }

  get(id: number): T | undefined {
    return this.#records.get(id);
  }

  /** Adds a record under the next id. */
  async insert(record: Omit<T, "id">): Promise<T> {
    const complete = { ...record, id: ++this.#lastId } as T;
    await this.#put(complete);
    return complete;
  }

  /** Changes fields of a record, if it is there. */
  async update(id: number, patch: Partial<T>): Promise<void> {
    const record = this.#records.get(id);
    if (record !== undefined) await this.#put({ ...record, ...patch });
  }

  async remove(id: number): Promise<void> {
    this.#records.delete(id);
    if (this.#folder !== undefined) await rm(join(this.#folder, `${id}.json`), { force: true });
  }

  async #put(record: T): Promise<void> {
    this.#records.set(record.id, record);
    if (this.#folder !== undefined)
      await writeFileAtomic(join(this.#folder, `${record.id}.json`), JSON.stringify(record));
  }

  async #load(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const ids = (await readdir(folder)).flatMap((name) => /^(\d{1,15})\.json$/.exec(name)?.[1] ?? []).map(Number);
    for (const id of ids.sort((a, b) => a - b)) {
      this.#lastId = id;
      const path = join(folder, `${id}.json`);
      try {
        this.#records.set(id, JSON.parse(await readFile(path, "utf8")) as T);
      } catch {
        await rm(path, { force: true });
      }
    }
  }
}
