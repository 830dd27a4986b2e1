import { type Scope, scopeKey } from "../../domain/scope.ts";
import type { Session } from "../session.ts";
import type { TasksVersionWrites } from "../store.ts";

/** Counters of the waiting work, by scope; one that was never bumped is 0. */
export class TasksVersionTable implements TasksVersionWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(scope: Scope): Promise<number> {
    const sql = "SELECT version FROM tasks_version WHERE scope_key = ?";
    return Number((await this.#session.rows(sql, [scopeKey(scope)]))[0]?.["version"] ?? 0);
  }

  async bump({ ownerId, repositoryId }: { ownerId: number; repositoryId: number }): Promise<void> {
    // Always from the narrow scope to the wide one, so that two transactions cannot wait for each other.
    for (const key of [`repository:${repositoryId}`, `owner:${ownerId}`, "global"]) {
      const upsert =
        this.#session.dialect === "sqlite"
          ? " ON CONFLICT (scope_key) DO UPDATE SET version = version + 1"
          : " ON DUPLICATE KEY UPDATE version = version + 1";
      await this.#session.run(`INSERT INTO tasks_version (scope_key, version) VALUES (?, 1)${upsert}`, [key]);
    }
  }
}
