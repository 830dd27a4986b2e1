/** Bounds the memory while nothing is committed. */
const MOST = 1_000;

/**
 * What was read since the last commit. Between two commits of the only writer the same query has the same answer, so
 * that claims that come together read what their jobs have in common (run, repository, settings) once.
 */
export class CommitMemory {
  readonly #known = new Map<string, Promise<unknown>>();

  /** What `read` gave for the key since the last commit; else it is read now. @param key names query and values */
  of<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined) return known as Promise<T>;
    if (this.#known.size >= MOST) this.#known.clear();
    const reading = read();
    this.#known.set(key, reading);
    reading.catch(() => {
      if (this.#known.get(key) === reading) this.#known.delete(key);
    });
    return reading;
  }

  /** To be called after each commit, before anybody is told of it. */
  clear(): void {
    this.#known.clear();
  }
}
