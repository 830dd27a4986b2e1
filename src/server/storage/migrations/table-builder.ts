import { type QueryRunner, Table, type TableColumnOptions } from "typeorm";

/** A column of a migration in words that both engines know. */
export type ColumnSpec = Omit<TableColumnOptions, "type"> & { type: string };

type Nullable = { nullable?: boolean };

/** Column types that mean the same on SQLite and MySQL; text compares by its bytes on both. */
export interface ColumnTypes {
  id(): ColumnSpec;
  integer(name: string, options?: Nullable & { primary?: boolean }): ColumnSpec;
  flag(name: string): ColumnSpec;
  /** Short text that may stand in an index; `length` in characters. */
  word(name: string, length: number, options?: Nullable & { primary?: boolean }): ColumnSpec;
  /** Text of any length. */
  text(name: string, options?: Nullable): ColumnSpec;
  /** Bytes of any length. */
  bytes(name: string): ColumnSpec;
  /** The three columns of a scope. */
  scope(): ColumnSpec[];
}

/** Whether the data source behind a query runner is SQLite. */
export function isSqlite(runner: QueryRunner): boolean {
  return runner.connection.options.type === "better-sqlite3";
}

/** The column types for the engine of `runner`. */
export function columnTypes(runner: QueryRunner): ColumnTypes {
  const sqlite = isSqlite(runner);
  const bin = sqlite ? {} : { charset: "utf8mb4", collation: "utf8mb4_bin" };
  const types: ColumnTypes = {
    id: () => ({
      name: "id",
      type: sqlite ? "integer" : "bigint",
      isPrimary: true,
      isGenerated: true,
      generationStrategy: "increment",
    }),
    integer: (name, { nullable = false, primary = false } = {}) => ({
      name,
      type: "bigint",
      isNullable: nullable,
      isPrimary: primary,
    }),
    flag: (name) => ({ name, type: sqlite ? "integer" : "tinyint", isNullable: false }),
    word: (name, length, { nullable = false, primary = false } = {}) => ({
      name,
      type: "varchar",
      length: String(length),
      isNullable: nullable,
      isPrimary: primary,
      ...bin,
    }),
    text: (name, { nullable = false } = {}) => ({
      name,
      type: sqlite ? "text" : "longtext",
      isNullable: nullable,
      ...bin,
    }),
    bytes: (name) => ({ name, type: sqlite ? "blob" : "longblob", isNullable: false }),
    scope: () => [types.word("scope_kind", 16), types.integer("scope_owner_id"), types.integer("scope_repository_id")],
  };
  return types;
}

/** What surrounds the columns of a new table. */
export interface TableSpec {
  readonly columns: readonly ColumnSpec[];
  /** Column lists; named after table and columns. */
  readonly unique?: readonly (readonly string[])[];
  readonly indexes?: readonly (readonly string[])[];
  /** Column → table whose deletion takes this row along. */
  readonly belongsTo?: Readonly<Record<string, string>>;
}

/**
 * Makes a table with its indexes and keys unless it exists. On MySQL that is one statement and so all or nothing
 * (its DDL knows no transactions); on SQLite the migration's transaction makes it so. Thus it may be run again.
 */
export async function createTable(runner: QueryRunner, name: string, spec: TableSpec): Promise<void> {
  const index = (columnNames: readonly string[], isUnique: boolean) => ({
    name: `${isUnique ? "uq" : "ix"}_${name}_${columnNames.join("_")}`.slice(0, 60),
    columnNames: [...columnNames],
    isUnique,
  });
  const table = new Table({
    name,
    columns: spec.columns.map((column) => ({ ...column })),
    indices: [
      ...(spec.unique ?? []).map((columns) => index(columns, true)),
      ...(spec.indexes ?? []).map((columns) => index(columns, false)),
    ],
    foreignKeys: Object.entries(spec.belongsTo ?? {}).map(([column, referencedTableName]) => ({
      name: `fk_${name}_${column}`,
      columnNames: [column],
      referencedTableName,
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    })),
  });
  await runner.createTable(table, true);
}

/**
 * Adds a column to a table unless it is there. By plain SQL: TypeORM would copy the whole table on SQLite.
 * @param kind `text` may be null and is so in the rows that exist; `number` is 0 in them; `nullable-number` is null
 */
export async function addColumn(
  runner: QueryRunner,
  table: string,
  column: string,
  kind: "text" | "number" | "nullable-number",
): Promise<void> {
  if (await runner.hasColumn(table, column)) return;
  const longtext = "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL";
  const text = isSqlite(runner) ? "text NULL" : longtext;
  const type = { text, number: "bigint NOT NULL DEFAULT 0", "nullable-number": "bigint NULL" }[kind];
  await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
}

/**
 * Makes an index unless it is there.
 * @param columns those of long text, which MySQL indexes by their beginning only, as `name...`
 */
export async function addIndex(runner: QueryRunner, table: string, columns: readonly string[]): Promise<void> {
  const names = columns.map((column) => column.replace(LONG, ""));
  const index = `ix_${table}_${names.join("_")}`.slice(0, 60);
  if (isSqlite(runner)) {
    await runner.query(`CREATE INDEX IF NOT EXISTS ${index} ON ${table} (${names.join(", ")})`);
    return;
  }
  const parts = columns.map((column) => column.replace(LONG, `(${INDEXED_CHARACTERS})`));
  const there: unknown[] = await runner.query(
    "SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ?",
    [table, index],
  );
  if (there.length === 0) await runner.query(`CREATE INDEX ${index} ON ${table} (${parts.join(", ")})`);
}

const LONG = "...";
/** Of long text; with four bytes each they fit into the shortest index key that an engine allows. */
const INDEXED_CHARACTERS = 150;
