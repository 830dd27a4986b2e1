import { closeSync, openSync } from "node:fs";

/**
 * Makes an empty file that only its owner may read, where there is none: SQLite takes it for a new database and gives
 * the same mode to what it writes beside it. The data directory may be one that others can look into.
 * @throws Error of the file system
 */
export function makePrivateFile(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}
