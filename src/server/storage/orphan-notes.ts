import { placeholders } from "./dialect.ts";
import type { OrphanNotes } from "./orphaned-logs.ts";
import type { Session } from "./session.ts";

/** The notes as rows of `orphaned_log`. */
export function orphanNotes(
  reader: Session,
  writer: { writeSession<T>(work: (session: Session) => Promise<T>): Promise<T> },
): OrphanNotes {
  return {
    async list(limit) {
      const rows = await reader.rows("SELECT task_id FROM orphaned_log ORDER BY task_id LIMIT ?", [limit]);
      return rows.map((row) => Number(row["task_id"]));
    },
    async remove(taskIds) {
      const sql = `DELETE FROM orphaned_log WHERE task_id IN ${placeholders(taskIds.length)}`;
      await writer.writeSession((session) => session.run(sql, [...taskIds]));
    },
  };
}
