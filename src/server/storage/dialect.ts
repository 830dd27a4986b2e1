import type { Clock } from "../../lib/clock.ts";

/** Which SQL the database speaks; MariaDB speaks `mysql`. */
export type Dialect = "sqlite" | "mysql";

/** Name of the scalar function that gives the greater of two numbers. */
export function greatest(dialect: Dialect): "MAX" | "GREATEST" {
  return dialect === "sqlite" ? "MAX" : "GREATEST";
}

/**
 * The end of an INSERT that changes nothing when the key is there already. Unlike `INSERT IGNORE` it hides no other
 * error on MySQL. How many rows it reports as affected differs between the engines: look, do not count.
 */
export function keepExisting(dialect: Dialect, keyColumn: string): string {
  return dialect === "sqlite" ? " ON CONFLICT DO NOTHING" : ` ON DUPLICATE KEY UPDATE ${keyColumn} = ${keyColumn}`;
}

/** The end of an INSERT that overwrites `columns` when a row with these keys is there already. */
export function overwriteExisting(dialect: Dialect, keys: readonly string[], columns: readonly string[]): string {
  return dialect === "sqlite"
    ? ` ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${columns.map((c) => `${c} = excluded.${c}`).join(", ")}`
    : ` ON DUPLICATE KEY UPDATE ${columns.map((c) => `${c} = VALUES(${c})`).join(", ")}`;
}

/** `(?, ?, ?)` for a list of parameters; matches nothing when the list is empty. */
export function placeholders(count: number): string {
  return count === 0 ? "(NULL)" : `(${Array(count).fill("?").join(", ")})`;
}

/**
 * SQL of the database's time in epoch ms: what replicas compare, whose own clocks differ. An embedded database has the
 * clock of the one process that uses it.
 */
export function databaseNow({ dialect, clock }: { readonly dialect: Dialect; readonly clock: Clock }): string {
  return dialect === "sqlite" ? String(clock.now()) : "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
}
