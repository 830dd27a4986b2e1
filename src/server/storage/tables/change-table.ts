import { placeholders } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { ChangeLog, ChangeLogRow } from "../store.ts";

/** The messages of replicas, in MySQL; each call is one statement that commits by itself. */
export class ChangeTable implements ChangeLog {
  readonly #session: Session;

  /** @param session the read side, where statements are not part of a transaction */
  constructor(session: Session) {
    this.#session = session;
  }

  async newest(): Promise<number> {
    return Number(
      (await this.#session.rows("SELECT COALESCE(MAX(id), 0) AS newest FROM replica_change"))[0]?.["newest"],
    );
  }

  async append(message: string): Promise<void> {
    await this.#session.commit("INSERT INTO replica_change (message) VALUES (?)", [message]);
  }

  async read({ after, except, limit }: Parameters<ChangeLog["read"]>[0]): Promise<readonly ChangeLogRow[]> {
    const known = except.length === 0 ? "" : ` AND id NOT IN ${placeholders(except.length)}`;
    const sql = `SELECT id, message FROM replica_change WHERE id > ?${known} ORDER BY id LIMIT ?`;
    const rows = await this.#session.rows(sql, [after, ...except, limit]);
    return rows.map((row) => ({ id: Number(row["id"]), message: String(row["message"]) }));
  }

  async prune(upTo: number, limit: number): Promise<number> {
    return await this.#session.commit("DELETE FROM replica_change WHERE id <= ? ORDER BY id LIMIT ?", [upTo, limit]);
  }
}
