import { placeholders } from "../dialect.ts";
import type { OrphanedBlobWrites } from "../job-service-store.ts";
import type { Session } from "../session.ts";

/** Folders of blobs whose rows went with a run or a repository. */
export class OrphanedBlobTable implements OrphanedBlobWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async list(limit: number): Promise<readonly string[]> {
    const rows = await this.#session.rows("SELECT folder FROM orphaned_blob ORDER BY folder LIMIT ?", [limit]);
    return rows.map((row) => String(row["folder"]));
  }

  async forget(folders: readonly string[]): Promise<void> {
    await this.#session.run(`DELETE FROM orphaned_blob WHERE folder IN ${placeholders(folders.length)}`, folders);
  }
}
