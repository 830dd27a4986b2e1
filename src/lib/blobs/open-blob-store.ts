import type { BlobPlace, BlobStore } from "./blob-store.ts";
import { FolderBlobStore } from "./folder-blob-store.ts";

/** The store at a place. */
export function openBlobStore(place: BlobPlace): BlobStore {
  return new FolderBlobStore(place.path);
}
