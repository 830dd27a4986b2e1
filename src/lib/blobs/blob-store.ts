/**
 * Large values by name. A value is written once as a whole, read in parts, and deleted. Keys are relative paths of
 * `a-z A-Z 0-9 . _ -` with `/` between the parts.
 */
export interface BlobStore {
  /**
   * Stores a value under a key, in the place of what was there. Readers see the old one or the new one, never a part;
   * when it resolves, the value is durable. On failure or abort the old one stays.
   * @throws AppError unavailable when the store does not take it
   */
  put(key: string, content: AsyncIterable<Uint8Array>, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Bytes of a value from `from` on, at most `length` of them; fewer at its end. A negative `from` counts from the end.
   * Undefined when there is no such value. @throws AppError unavailable when the store does not answer
   */
  read(key: string, from: number, length: number): Promise<Buffer | undefined>;
  /** Deletes values; those that do not exist are no error. @throws AppError unavailable */
  delete(keys: readonly string[]): Promise<void>;
  /** All values whose key begins with `<prefix>/`, by key. @throws AppError unavailable */
  list(prefix: string): Promise<readonly BlobFacts[]>;
  /** Deletes all values whose key begins with `<prefix>/`; that there are none is no error. @throws AppError unavailable */
  deleteAll(prefix: string): Promise<void>;
}

/** A value that is there. */
export interface BlobFacts {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
}

/** Where blobs are kept, as plain data that can be handed to a thread. */
export interface BlobPlace {
  readonly kind: "folder";
  /** Absolute path; made where it is missing. */
  readonly path: string;
}
