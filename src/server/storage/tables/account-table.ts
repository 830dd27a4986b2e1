import type { Account, Role } from "../../domain/account.ts";
import { overwriteExisting } from "../dialect.ts";
import { type AccountRow, accountEntity, membershipEntity } from "../schema/account-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";
import type { AccountWrites, New, Page, PageRequest } from "../store.ts";
import { type Deleted, deleteOwner } from "./cascade.ts";
import { readPage } from "./page.ts";

const rows = new RowMapper<AccountRow>(accountEntity);

/** Accounts and their members. */
export class AccountTable implements AccountWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: number): Promise<Account | undefined> {
    const row = await this.#session.do((m) => m.findOneBy(accountEntity, { id }));
    return row === null ? undefined : toAccount(row);
  }

  async findByName(name: string): Promise<Account | undefined> {
    const row = await this.#session.do((m) => m.findOneBy(accountEntity, { nameLower: name.toLowerCase() }));
    return row === null ? undefined : toAccount(row);
  }

  async list(page: PageRequest): Promise<Page<Account>> {
    const found = await readPage(this.#session, rows, {}, page);
    return { items: found.items.map(toAccount), total: found.total };
  }

  async role(userId: number, accountId: number): Promise<Role | undefined> {
    if (userId === accountId) return "owner";
    const row = await this.#session.do((m) => m.findOneBy(membershipEntity, { userId, accountId }));
    return row?.role;
  }

  async rolesOf(userId: number): Promise<readonly { accountId: number; role: Role }[]> {
    const rows = await this.#session.do((m) => m.findBy(membershipEntity, { userId }));
    const others = rows.filter((row) => row.accountId !== userId);
    return [{ accountId: userId, role: "owner" }, ...others.map(({ accountId, role }) => ({ accountId, role }))];
  }

  async members(accountId: number): Promise<readonly { userId: number; role: Role }[]> {
    const rows = await this.#session.do((m) =>
      m.find(membershipEntity, { where: { accountId }, order: { userId: "ASC" } }),
    );
    return rows.map(({ userId, role }) => ({ userId, role }));
  }

  async insert(account: New<Account>): Promise<Account> {
    const row = { ...account, nameLower: account.name.toLowerCase() };
    const result = await this.#session.do((m) => m.insert(accountEntity, row));
    return { ...account, id: Number(result.identifiers[0]?.["id"]) };
  }

  async setRole(userId: number, accountId: number, role: Role | null): Promise<void> {
    if (role === null) {
      await this.#session.run("DELETE FROM membership WHERE user_id = ? AND account_id = ?", [userId, accountId]);
      return;
    }
    const upsert = overwriteExisting(this.#session.dialect, ["user_id", "account_id"], ["role"]);
    const sql = `INSERT INTO membership (user_id, account_id, role) VALUES (?, ?, ?)${upsert}`;
    await this.#session.run(sql, [userId, accountId, role]);
  }

  delete(id: number): Promise<Deleted> {
    return deleteOwner(this.#session, id);
  }
}

function toAccount({ id, name, kind, createdAt }: AccountRow): Account {
  return { id, name, kind, createdAt };
}
