/** A piece of a file, in the order of the file. */
export interface FilePart {
  /** Last piece of its blob's key. */
  readonly name: string;
  readonly size: number;
}

/** A file that was uploaded in pieces; they are not put together, but read one after another. */
export interface StoredFile {
  /** Prefix of the keys of its parts. */
  readonly folder: string;
  readonly parts: readonly FilePart[];
  /** In bytes: the sum of the parts. */
  readonly size: number;
}
