import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Account, Role } from "../domain/account.ts";
import type { Page, PageRequest, Store, WriteTables } from "../storage/store.ts";
import { checkName } from "./account-name.ts";
import { type Actor, audit } from "./audit.ts";

/** Users, organisations and who may do what in them. */
export class Accounts {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #runnersDeleted: (runnerIds: readonly number[]) => Promise<void>;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    /** The rows of these runners are gone. */
    readonly runnersDeleted: (runnerIds: readonly number[]) => Promise<void>;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#runnersDeleted = deps.runnersDeleted;
  }

  /** An account by its name, whatever the case. @throws AppError not_found */
  async get(name: string, kind?: Account["kind"]): Promise<Account> {
    const account = await this.#store.read.accounts.findByName(name);
    if (account === undefined || (kind !== undefined && account.kind !== kind)) {
      throw new AppError("not_found", `there is no account ${name}, or this token may not know of it`);
    }
    return account;
  }

  /** An account by its id, or undefined. */
  find(id: number): Promise<Account | undefined> {
    return this.#store.read.accounts.get(id);
  }

  /** All accounts. */
  list(page: PageRequest): Promise<Page<Account>> {
    return this.#store.read.accounts.list(page);
  }

  /** Roles of an account by account, its own included. */
  async roles(accountId: number): Promise<ReadonlyMap<number, Role>> {
    const rows = await this.#store.read.accounts.rolesOf(accountId);
    return new Map([[accountId, "owner" as Role], ...rows.map((row) => [row.accountId, row.role] as const)]);
  }

  /**
   * Makes an account. @param ownerId the user who owns a new organisation
   * @throws AppError conflict when the name is taken; invalid when it is not allowed
   */
  create(name: string, kind: Account["kind"], actor: Actor, ownerId?: number): Promise<Account> {
    checkName("account", name);
    return this.#store.write((tx) => this.insert(tx, { name, kind }, actor, ownerId));
  }

  /** The same inside a transaction that does more. */
  async insert(
    tx: WriteTables,
    { name, kind }: Pick<Account, "name" | "kind">,
    actor: Actor,
    ownerId?: number,
  ): Promise<Account> {
    const now = this.#clock.now();
    const account = await tx.accounts.insert({ name, kind, createdAt: now });
    if (ownerId !== undefined) await tx.accounts.setRole(ownerId, account.id, "owner");
    await audit(tx, now, actor, { action: "account.create", target: `account:${account.id}`, detail: { name, kind } });
    return account;
  }

  /** Deletes an account with its runners. @throws AppError conflict while it has repositories */
  async delete(account: Account, actor: Actor): Promise<void> {
    const runnerIds = await this.#store.write(async (tx) => {
      const { total } = await tx.repositories.list({ ownerIds: [account.id] }, { page: 1, limit: 1 });
      if (total > 0) {
        throw new AppError("conflict", `${account.name} still has ${total} repositories; delete them first`);
      }
      const scope = { kind: "owner", ownerId: account.id } as const;
      const runners: number[] = [];
      for (let page = 1, more = true; more; page++) {
        const found = await tx.runners.list({ scope }, { page, limit: 50 });
        runners.push(...found.items.map((runner) => runner.id));
        more = found.items.length > 0 && runners.length < found.total;
      }
      await tx.accounts.delete(account.id);
      const entry = { action: "account.delete", target: `account:${account.id}`, detail: { name: account.name } };
      await audit(tx, this.#clock.now(), actor, entry);
      return runners;
    });
    await this.#runnersDeleted(runnerIds);
  }

  /** Gives a user a role in an account; null takes it away. */
  setRole(user: Account, account: Account, role: Role | null, actor: Actor): Promise<void> {
    return this.#store.write(async (tx) => {
      await tx.accounts.setRole(user.id, account.id, role);
      const detail = { user: user.name, role };
      await audit(tx, this.#clock.now(), actor, { action: "member.set", target: `account:${account.id}`, detail });
    });
  }

  /** The role of a user in an account. @throws AppError not_found when there is none */
  async role(user: Account, account: Account): Promise<Role> {
    const role = await this.#store.read.accounts.role(user.id, account.id);
    if (role === undefined) throw new AppError("not_found", `${user.name} is not a member of ${account.name}`);
    return role;
  }
}
