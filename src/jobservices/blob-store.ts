/** Part of a blob. */
export interface BlobRange {
  /** First byte, from 0. */
  readonly start: number;
  /** Byte after the last. */
  readonly end: number;
}

/** A blob that is there. */
export interface BlobFacts {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Bytes by key. A key is made of pieces of `a-z 0-9 . _ -`, joined by slashes. A blob appears complete or not at all, and once `put`
 * has resolved it is on disk. Contents are streamed: nothing holds a whole blob in memory.
 */
export interface BlobStore {
  /**
   * Stores a blob; one that is there already is replaced. Returns its size.
   * @throws AppError exhausted when it is larger than `maxBytes`, unavailable when the store does not take it
   */
  put(
    key: string,
    content: AsyncIterable<Uint8Array>,
    options: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ): Promise<number>;
  /** The bytes of a blob. @throws AppError not_found before the first byte */
  get(key: string, range?: BlobRange): AsyncIterable<Uint8Array>;
  /** All blobs whose key begins with `<prefix>/`, by key. */
  list(prefix: string): Promise<readonly BlobFacts[]>;
  /** Deletes all blobs whose key begins with `<prefix>/`; that there are none is no error. */
  deleteAll(prefix: string): Promise<void>;
}
