import type { EntitySchema, ValueTransformer } from "typeorm";
import type { RawRow, SqlValue } from "../sql-value.ts";

interface Column {
  readonly property: string;
  readonly column: string;
  readonly transformer: ValueTransformer | undefined;
}

/**
 * Converts between rows as the driver has them and rows as the program has them, by the columns of an entity.
 * The hot paths use it with plain SQL, because TypeORM's own hydration costs several times the query.
 */
export class RowMapper<Row extends object> {
  readonly table: string;
  readonly #columns: readonly Column[];
  readonly #byProperty: ReadonlyMap<string, Column>;

  constructor(schema: EntitySchema<Row>) {
    this.table = schema.options.tableName ?? schema.options.name;
    this.#columns = Object.entries(schema.options.columns).map(([property, options]) => {
      const given = options as { name?: string; transformer?: ValueTransformer };
      return { property, column: given.name ?? property, transformer: given.transformer };
    });
    this.#byProperty = new Map(this.#columns.map((column) => [column.property, column]));
  }

  /** The row of the program. */
  decode(raw: RawRow): Row {
    const row: Record<string, unknown> = {};
    for (const { property, column, transformer } of this.#columns) {
      const value = raw[column];
      row[property] = transformer === undefined ? value : transformer.from(value);
    }
    return row as Row;
  }

  /** Columns and values of the properties that are known and not undefined. */
  encode(row: Partial<Row>): { columns: string[]; values: SqlValue[] } {
    const columns: string[] = [];
    const values: SqlValue[] = [];
    for (const [property, value] of Object.entries(row)) {
      const column = this.#byProperty.get(property);
      if (column === undefined || value === undefined) continue;
      columns.push(column.column);
      values.push((column.transformer === undefined ? value : column.transformer.to(value)) as SqlValue);
    }
    return { columns, values };
  }
}
