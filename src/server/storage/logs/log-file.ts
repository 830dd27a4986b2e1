import { AppError } from "../../../lib/errors.ts";
import { databaseErrorCode } from "../database-errors.ts";
import { makePrivateFile } from "../private-file.ts";
import { prepareWriter, type SqliteConnection, sqliteDriver } from "../sqlite-driver.ts";
import { PLACE } from "./log-place.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS log (
    task_id INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, byte_count INTEGER NOT NULL, finished INTEGER NOT NULL,
    capped INTEGER NOT NULL, place INTEGER NOT NULL, updated_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS log_segment (
    task_id INTEGER NOT NULL, first_row INTEGER NOT NULL, row_count INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (task_id, first_row)
  );
`;

/** The first version had `log` rows of finished logs only, and no counts. Packed, a row has about a sixth of its size. */
const FROM_FIRST_VERSION = `
  ALTER TABLE log RENAME TO first_log;
  ${SCHEMA}
  INSERT INTO log (task_id, row_count, byte_count, finished, capped, place, updated_at)
    SELECT task_id, MAX(first_row + row_count), 6 * SUM(LENGTH(data)), 0, 0, ${PLACE.segments}, unixepoch() * 1000
      FROM log_segment GROUP BY task_id;
  INSERT INTO log (task_id, row_count, byte_count, finished, capped, place, updated_at)
    SELECT task_id, 0, 0, 1, 0, ${PLACE.segments}, unixepoch() * 1000 FROM first_log WHERE finished = 1
    ON CONFLICT DO UPDATE SET finished = 1;
  DROP TABLE first_log;
`;

const INDEXES = `
  CREATE INDEX IF NOT EXISTS ix_log_unmoved ON log (task_id) WHERE finished = 1 AND place = ${PLACE.segments};
  CREATE INDEX IF NOT EXISTS ix_log_sweeping ON log (task_id) WHERE place = ${PLACE.sweeping};
`;

const UNDONE = `SELECT 1 FROM log WHERE finished = 1 AND place = ${PLACE.segments}
  UNION ALL SELECT 1 FROM log WHERE place = ${PLACE.sweeping} LIMIT 1`;

/**
 * Makes the file and its tables where they are missing, and brings those of an older version up to date.
 * @returns whether finished logs wait for their move to the blob store or for their sweep
 * @throws AppError unavailable when the file cannot be used, invalid when it is no database
 */
export function prepareLogFile(path: string): boolean {
  let db: SqliteConnection | undefined;
  try {
    makePrivateFile(path);
    db = new sqliteDriver(path, { timeout: 5_000 });
    prepareWriter(db);
    db.exec("BEGIN IMMEDIATE");
    const columns = db.prepare("SELECT name FROM pragma_table_info('log')").all();
    const isFirst = columns.length > 0 && !columns.some((column) => column["name"] === "place");
    db.exec(isFirst ? FROM_FIRST_VERSION : SCHEMA);
    db.exec(INDEXES);
    db.exec("COMMIT");
    return db.prepare(UNDONE).get() !== undefined;
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
