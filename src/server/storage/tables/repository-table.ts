import { AppError } from "../../../lib/errors.ts";
import type { Repository } from "../../domain/account.ts";
import { DEFAULT_DISPATCH_RULES, type DispatchRules } from "../../domain/dispatch-rules.ts";
import { placeholders } from "../dialect.ts";
import { type RepositoryRow, repositoryEntity } from "../schema/account-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";
import type { RawRow, SqlValue } from "../sql-value.ts";
import type { New, Page, PageRequest, RepositoryWrites } from "../store.ts";
import { type Deleted, deleteRepository } from "./cascade.ts";

const rows = new RowMapper<RepositoryRow>(repositoryEntity);
// Not a join: SQLite plans one anew for each value that is bound, which takes ten times as long as the query.
const SELECT = "SELECT r.*, (SELECT name FROM account WHERE id = r.owner_id) AS owner_name FROM repository r";
const OF_NAMED_OWNER = "r.owner_id = (SELECT id FROM account WHERE name_lower = ?)";

/** Repositories. */
export class RepositoryTable implements RepositoryWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<Repository | undefined> {
    return this.#session.shared(`repository ${id}`, async () => {
      return (await this.#session.rows(`${SELECT} WHERE r.id = ?`, [id])).map(toRepository)[0];
    });
  }

  async getMany(ids: readonly number[]): Promise<readonly Repository[]> {
    if (ids.length === 0) return [];
    return (await this.#session.listRows(`${SELECT} WHERE r.id IN ${placeholders(ids.length)}`, ids)).map(toRepository);
  }

  async find(ownerName: string, name: string): Promise<Repository | undefined> {
    const values = [ownerName.toLowerCase(), name.toLowerCase()];
    return (await this.#session.rows(`${SELECT} WHERE ${OF_NAMED_OWNER} AND r.name_lower = ?`, values)).map(
      toRepository,
    )[0];
  }

  async list(
    filter: { ownerIds?: readonly number[]; repositoryId?: number },
    { page, limit }: PageRequest,
  ): Promise<Page<Repository>> {
    const where = ["1 = 1"];
    const values: SqlValue[] = [];
    if (filter.ownerIds !== undefined) {
      where.push(`r.owner_id IN ${placeholders(filter.ownerIds.length)}`);
      values.push(...filter.ownerIds);
    }
    if (filter.repositoryId !== undefined) {
      where.push("r.id = ?");
      values.push(filter.repositoryId);
    }
    const condition = where.join(" AND ");
    const sql = `${SELECT} WHERE ${condition} ORDER BY r.id DESC LIMIT ? OFFSET ?`;
    const [count, found] = await Promise.all([
      this.#session.listRows(`SELECT COUNT(*) AS total FROM repository r WHERE ${condition}`, values),
      this.#session.listRows(sql, [...values, limit, (page - 1) * limit]),
    ]);
    return { items: found.map(toRepository), total: Number(count[0]?.["total"]) };
  }

  async credential(id: number): Promise<string | null> {
    const row = await this.#session.do((m) => m.findOneBy(repositoryEntity, { id }));
    return row?.sealedCredential ?? null;
  }

  async dispatchRules(id: number): Promise<DispatchRules> {
    const [raw] = await this.#session.rows("SELECT * FROM repository WHERE id = ?", [id]);
    return { ...DEFAULT_DISPATCH_RULES, ...(raw === undefined ? {} : rows.decode(raw).dispatchRules) };
  }

  async allDispatchRules(): Promise<ReadonlyMap<number, DispatchRules>> {
    const set = await this.#session.select(rows, "WHERE dispatch_rules IS NOT NULL AND dispatch_rules <> 'null'");
    return new Map(set.map(({ id, dispatchRules }) => [id, { ...DEFAULT_DISPATCH_RULES, ...dispatchRules }]));
  }

  async insert(repository: New<Omit<Repository, "ownerName">>, sealedCredential: string | null): Promise<Repository> {
    const id = await this.#session.insert(rows, {
      ...repository,
      nameLower: repository.name.toLowerCase(),
      sealedCredential,
      runCounter: 0,
      runTotal: 0,
      jobTotal: 0,
      dispatchRules: null,
    });
    const inserted = await this.get(id);
    if (inserted === undefined) throw new AppError("internal", `repository ${id} vanished while it was made`);
    return inserted;
  }

  async update(
    id: number,
    patch: Partial<Pick<Repository, "cloneUrl" | "defaultBranch">> & {
      sealedCredential?: string | null;
      dispatchRules?: DispatchRules;
    },
  ): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  delete(id: number): Promise<Deleted> {
    return deleteRepository(this.#session, id);
  }
}

function toRepository(raw: RawRow): Repository {
  const { id, ownerId, name, cloneUrl, defaultBranch, createdAt } = rows.decode(raw);
  return { id, ownerId, ownerName: String(raw["owner_name"]), name, cloneUrl, defaultBranch, createdAt };
}
