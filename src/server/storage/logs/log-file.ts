import { AppError } from "../../../lib/errors.ts";
import { databaseErrorCode } from "../database-errors.ts";
import { makePrivateFile } from "../private-file.ts";
import { prepareWriter, type SqliteConnection, sqliteDriver } from "../sqlite-driver.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS log (
    task_id INTEGER PRIMARY KEY, finished INTEGER NOT NULL, compacted INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS ix_log_compacted ON log (compacted);
  CREATE TABLE IF NOT EXISTS log_segment (
    task_id INTEGER NOT NULL, first_row INTEGER NOT NULL, row_count INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (task_id, first_row)
  );
`;

/**
 * Makes the file and its tables where they are missing, so that both threads find them.
 * @returns whether finished logs wait for their compaction
 * @throws AppError unavailable when the file cannot be used, invalid when it is no database
 */
export function prepareLogFile(path: string): boolean {
  let db: SqliteConnection | undefined;
  try {
    makePrivateFile(path);
    db = new sqliteDriver(path, { timeout: 5_000 });
    prepareWriter(db);
    db.exec(SCHEMA);
    return db.prepare("SELECT 1 FROM log WHERE compacted = 0 AND finished = 1 LIMIT 1").get() !== undefined;
  } catch (error) {
    const code = databaseErrorCode(error) ?? "";
    if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) {
      throw new AppError("invalid", `${path} is not a sound SQLite database (${code}); restore a backup`, error);
    }
    throw new AppError("unavailable", `${path} cannot be opened (${code}); check its permissions and disk`, error);
  } finally {
    db?.close();
  }
}
