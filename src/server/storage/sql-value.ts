/** What a statement can be given. */
export type SqlValue = string | number | null | Uint8Array;

/** A row as the driver returns it. */
export type RawRow = Record<string, unknown>;
