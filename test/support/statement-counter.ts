import { sqliteDriver } from "../../src/server/storage/sqlite-driver.ts";

/** Counts the statements that this process gives to SQLite. Disposing it ends that. */
export interface StatementCounter extends Disposable {
  /** The statements so far, in order. */
  readonly statements: readonly string[];
  /** Forgets them. */
  reset(): void;
}

type Prepare = (sql: string) => Record<string, unknown>;

/** Begins to count; connections that are open are counted, too, but for statements that they prepared before. */
export function countStatements(): StatementCounter {
  const prototype = sqliteDriver.prototype as unknown as { prepare: Prepare; exec: (sql: string) => unknown };
  const { prepare, exec } = prototype;
  const statements: string[] = [];
  prototype.prepare = function (this: unknown, sql: string) {
    const statement = prepare.call(this, sql);
    for (const method of ["run", "get", "all", "iterate"]) {
      const original = statement[method] as (...values: unknown[]) => unknown;
      statement[method] = (...values: unknown[]) => {
        statements.push(sql);
        return original.apply(statement, values);
      };
    }
    return statement;
  };
  prototype.exec = function (this: unknown, sql: string) {
    statements.push(sql);
    return exec.call(this, sql);
  };
  return {
    statements,
    reset() {
      statements.length = 0;
    },
    [Symbol.dispose]() {
      Object.assign(prototype, { prepare, exec });
    },
  };
}
