import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { DataSource } from "typeorm";
import type { BlobPlace } from "../../lib/blobs/blob-store.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Logger, silentLogger } from "../../lib/logger.ts";
import { CommitMemory } from "./commit-memory.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import { openMysql, openSqlite, SQLITE_FILE } from "./data-sources.ts";
import { DatabaseStore, type Writer } from "./database-store.ts";
import { parseDatabaseUrl } from "./database-url.ts";
import { MysqlListReader } from "./lists/mysql-list-reader.ts";
import { SqliteListReader } from "./lists/sqlite-list-reader.ts";
import type { LogStore } from "./log-store.ts";
import { EmbeddedLogStore } from "./logs/embedded-log-store.ts";
import { MysqlLogStore } from "./logs/mysql-log-store.ts";
import { migrate } from "./migrate.ts";
import { MysqlWriter } from "./mysql-writer.ts";
import { orphanNotes } from "./orphan-notes.ts";
import { OrphanedLogs } from "./orphaned-logs.ts";
import { Session } from "./session.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { Store } from "./store.ts";
import { TransactionScope } from "./transaction-scope.ts";

/** Where the store keeps its rows. */
export interface StoreOptions {
  /** Holds the embedded databases; made where it is missing. */
  readonly dataDir: string;
  /** `mysql://user:password@host:3306/database`; without it the embedded SQLite is used. */
  readonly databaseUrl?: string;
  /** Connections to MySQL. @default 10 */
  readonly poolSize?: number;
  /**
   * Where finished logs go; replicas on one database need one place for all. @default `blobs` in the data directory;
   * with MySQL none: logs stay in the database
   */
  readonly blobs?: BlobPlace;
  /** Bytes a task's log may have. @default 2 GiB */
  readonly largestLog?: number;
  readonly clock: Clock;
  readonly logger?: Logger;
}

const LARGEST_LOG = 2 * 1024 ** 3;

/** Threads that read logs: a search uses them all, and one is never enough to read while another searches. */
const LOG_READERS = Math.min(4, Math.max(2, availableParallelism()));

/** Fewest connections: one holds the migration lock while another migrates. */
const SMALLEST_POOL = 2;

/** Connections to MySQL that lists, counts and searches have for themselves, beside the pool. */
const LIST_POOL = 2;

/**
 * Opens the store, creating or migrating its tables. Disposing it waits for what is being written.
 * @throws AppError conflict when another server uses the data directory · invalid for a wrong URL, user or database ·
 *   unavailable when the database does not answer
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await using resources = new AsyncDisposableStack();
  const parts =
    options.databaseUrl === undefined
      ? await openEmbedded(options, resources)
      : await openServer(options, options.databaseUrl, resources);
  return new DatabaseStore(parts.session, parts.writer, parts.logs, resources.move());
}

interface Parts {
  readonly session: Session;
  readonly writer: Writer;
  readonly logs: LogStore;
}

async function openEmbedded(options: StoreOptions, resources: AsyncDisposableStack): Promise<Parts> {
  const { dataDir, clock, logger = silentLogger, blobs = { kind: "folder", path: join(dataDir, "blobs") } } = options;
  resources.use(lockDataDir(dataDir));
  const dataSource = own(resources, await openSqlite(dataDir, "writer"));
  await migrate(dataSource);
  const readSource = own(resources, await openSqlite(dataDir, "reader"));
  const logs = resources.use(new EmbeddedLogStore({ dataDir, blobs, ...logOptions(options) }));
  const scope = new TransactionScope();
  const memory = new CommitMemory();
  const writer = resources.use(new SqliteWriter(dataSource, scope, clock, memory, () => orphans.sweep()));
  const lists = resources.use(new SqliteListReader(join(dataDir, SQLITE_FILE)));
  const guard = () => scope.refuse("store.read");
  const session = new Session(readSource.manager, "sqlite", clock, { guard, lists, memory });
  const orphans = resources.use(new OrphanedLogs(orphanNotes(session, writer), logs, logger));
  orphans.sweep();
  return { session, writer, logs };
}

async function openServer(options: StoreOptions, databaseUrl: string, resources: AsyncDisposableStack): Promise<Parts> {
  const { clock, logger = silentLogger, poolSize = 10, blobs = null } = options;
  const address = parseDatabaseUrl(databaseUrl);
  const pool = await openMysql(address, Math.max(poolSize, SMALLEST_POOL));
  const dataSource = own(resources, pool);
  await migrate(dataSource);
  const scope = new TransactionScope();
  const writer = resources.use(new MysqlWriter(dataSource, scope, clock, () => orphans.sweep()));
  const lists = new MysqlListReader(own(resources, await openMysql(address, LIST_POOL)));
  const guard = () => scope.refuse("store.read");
  const session = new Session(dataSource.manager, "mysql", clock, { guard, lists });
  const logs = resources.use(new MysqlLogStore({ reader: session, writer, blobs, ...logOptions(options) }));
  const orphans = resources.use(new OrphanedLogs(orphanNotes(session, writer), logs, logger));
  orphans.sweep();
  return { session, writer, logs };
}

function logOptions({ clock, logger = silentLogger, largestLog = LARGEST_LOG }: StoreOptions) {
  return { clock, logger, largestLog, readers: LOG_READERS };
}

function own(resources: AsyncDisposableStack, dataSource: DataSource): DataSource {
  resources.defer(() => dataSource.destroy());
  return dataSource;
}
