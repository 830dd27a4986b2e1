import { RowMapper } from "../schema/row-mapper.ts";
import { auditEntity } from "../schema/server-entities.ts";
import type { Session } from "../session.ts";
import type { AuditRow, AuditWrites, Page, PageRequest } from "../store.ts";
import { readPage } from "./page.ts";

const rows = new RowMapper<AuditRow & { id: number }>(auditEntity);

/** The audit log. */
export class AuditTable implements AuditWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async list(page: PageRequest): Promise<Page<AuditRow>> {
    const found = await readPage(this.#session, rows, {}, page);
    return { items: found.items.map(({ id, ...row }) => row), total: found.total };
  }

  async append(row: AuditRow): Promise<void> {
    await this.#session.insert(rows, row);
  }
}
