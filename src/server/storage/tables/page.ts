import { placeholders } from "../dialect.ts";
import type { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import type { Page, PageRequest } from "../store.ts";

/** What a list is limited to, by column; undefined does not limit, an empty list matches nothing. */
export interface ListFilter {
  readonly equals?: Readonly<Record<string, SqlValue | undefined>>;
  readonly among?: Readonly<Record<string, readonly SqlValue[] | undefined>>;
  /** Where the number of all that match is cheaper to have than by counting: a query for one column `total`. */
  readonly total?: { readonly sql: string; readonly values: readonly SqlValue[] };
}

/** Most index ranges that one list is put together from. */
const MOST_RANGES = 64;

interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Reads one page of a table, newest first, with the number of all rows that match. */
export async function readPage<Row extends object>(
  session: Session,
  rows: RowMapper<Row>,
  filter: ListFilter,
  page: PageRequest,
): Promise<Page<Row>> {
  const equals = Object.entries(filter.equals ?? {}).flatMap(([column, value]) =>
    value === undefined ? [] : [{ sql: `${column} = ?`, values: [value] }],
  );
  const among = Object.entries(filter.among ?? {}).flatMap(([column, values]) =>
    values === undefined ? [] : [{ column, values: [...new Set(values)] }],
  );
  if (among.some(({ values }) => values.length === 0)) return { items: [], total: 0 };
  const all = and([
    ...equals,
    ...among.map(({ column, values }) => ({ sql: `${column} IN ${placeholders(values.length)}`, values })),
  ]);
  const count = filter.total ?? { sql: `SELECT COUNT(*) AS total FROM ${rows.table}${where(all)}`, values: all.values };
  const ids = idsOfPage(rows.table, ranges(equals, among) ?? [all], page);
  const items = `SELECT listed.* FROM (${ids.sql}) page JOIN ${rows.table} listed ON listed.id = page.id ORDER BY listed.id DESC`;
  const [counted, found] = await Promise.all([
    session.listRows(count.sql, count.values),
    session.listRows(items, ids.values),
  ]);
  return { items: found.map((row) => rows.decode(row)), total: Number(counted[0]?.["total"] ?? 0) };
}

/** Rows by their ids, in no order; those that are gone are left out. */
export async function readMany<Row extends object>(
  session: Session,
  rows: RowMapper<Row>,
  ids: readonly number[],
  more = "",
): Promise<readonly Row[]> {
  if (ids.length === 0) return [];
  const sql = `SELECT * FROM ${rows.table} WHERE id IN ${placeholders(ids.length)}${more}`;
  return (await session.listRows(sql, ids)).map((row) => rows.decode(row));
}

/**
 * The ids of one page. They are looked for first, because an index alone answers that; each range is in the order of
 * an index, so that no more rows are looked at than the page is deep.
 */
function idsOfPage(table: string, parts: readonly Condition[], { page, limit }: PageRequest): Condition {
  const offset = (page - 1) * limit;
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    const sql = `SELECT id FROM ${table}${where(only)} ORDER BY id DESC LIMIT ? OFFSET ?`;
    return { sql, values: [...only.values, limit, offset] };
  }
  const ordered = parts.map(
    (part, n) => `SELECT id FROM (SELECT id FROM ${table}${where(part)} ORDER BY id DESC LIMIT ?) range_${n}`,
  );
  return {
    sql: `SELECT id FROM (${ordered.join(" UNION ALL ")}) ranges ORDER BY id DESC LIMIT ? OFFSET ?`,
    values: [...parts.flatMap((part) => [...part.values, offset + limit]), limit, offset],
  };
}

/** A condition for each combination of the listed values; undefined when there are too many. */
function ranges(
  equals: readonly Condition[],
  among: readonly { readonly column: string; readonly values: readonly SqlValue[] }[],
): readonly Condition[] | undefined {
  let found: readonly Condition[] = [and(equals)];
  for (const { column, values } of among) {
    if (found.length * values.length > MOST_RANGES) return undefined;
    found = found.flatMap((range) => values.map((value) => and([range, { sql: `${column} = ?`, values: [value] }])));
  }
  return found;
}

function and(conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.flatMap(({ sql }) => (sql === "" ? [] : [sql])).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
  };
}

function where({ sql }: Condition): string {
  return sql === "" ? "" : ` WHERE ${sql}`;
}
