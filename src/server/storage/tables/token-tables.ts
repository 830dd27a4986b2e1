import type { ApiToken } from "../../domain/account.ts";
import type { TokenVerifier } from "../../domain/runner.ts";
import type { Scope } from "../../domain/scope.ts";
import { type ApiTokenRow, apiTokenEntity } from "../schema/account-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { type RegistrationTokenRow, registrationTokenEntity } from "../schema/runner-entities.ts";
import { scopeFromRow, scopeToRow, whereScope } from "../schema/scope-columns.ts";
import type { Session } from "../session.ts";
import type { ApiTokenWrites, New, Page, PageRequest, RegistrationToken, RegistrationTokenWrites } from "../store.ts";
import { readPage } from "./page.ts";

const apiTokenRows = new RowMapper<ApiTokenRow>(apiTokenEntity);
const registrationTokenRows = new RowMapper<RegistrationTokenRow>(registrationTokenEntity);

/** Credentials of the REST interface. */
export class ApiTokenTable implements ApiTokenWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async findByMac(mac: string): Promise<ApiToken | undefined> {
    const row = await this.#session.first(apiTokenRows, "WHERE mac = ?", [mac]);
    return row === undefined ? undefined : toApiToken(row);
  }

  async list(accountId: number | undefined, page: PageRequest): Promise<Page<ApiToken>> {
    const found = await readPage(this.#session, apiTokenRows, { equals: { account_id: accountId } }, page);
    return { items: found.items.map(toApiToken), total: found.total };
  }

  async get(id: number): Promise<ApiToken | undefined> {
    const row = await this.#session.first(apiTokenRows, "WHERE id = ?", [id]);
    return row === undefined ? undefined : toApiToken(row);
  }

  async insert(token: New<ApiToken>, verifier: TokenVerifier): Promise<ApiToken> {
    const { accountId, name, grant, access, expiresAt, createdAt } = token;
    const id = await this.#session.insert(apiTokenRows, {
      accountId,
      name,
      grantKind: grant.kind,
      grantOwnerId: grant.kind === "admin" ? 0 : grant.ownerId,
      grantRepositoryId: grant.kind === "repository" ? grant.repositoryId : 0,
      access,
      hash: verifier.hash,
      mac: verifier.mac === "" ? null : verifier.mac,
      expiresAt,
      createdAt,
    });
    return { id, accountId, name, grant, access, expiresAt, createdAt };
  }

  async delete(id: number): Promise<void> {
    await this.#session.run("DELETE FROM api_token WHERE id = ?", [id]);
  }
}

/** Credentials that make runners. */
export class RegistrationTokenTable implements RegistrationTokenWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async findByMac(mac: string): Promise<RegistrationToken | undefined> {
    const row = await this.#session.first(registrationTokenRows, "WHERE mac = ?", [mac]);
    return row === undefined ? undefined : toRegistrationToken(row);
  }

  async current(scope: Scope): Promise<RegistrationToken | undefined> {
    const { sql, values } = whereScope(scope);
    const where = `WHERE ${sql} AND is_current = 1 AND active = 1 ORDER BY id DESC LIMIT 1`;
    const row = await this.#session.first(registrationTokenRows, where, values);
    return row === undefined ? undefined : toRegistrationToken(row);
  }

  async insert(token: New<RegistrationToken>, mac: string): Promise<RegistrationToken> {
    const { scope, ...rest } = token;
    if (token.current) {
      const { sql, values } = whereScope(scope);
      await this.#session.run(`UPDATE registration_token SET is_current = 0 WHERE ${sql}`, values);
    }
    const id = await this.#session.insert(registrationTokenRows, { ...rest, ...scopeToRow(scope), mac });
    return { ...token, id };
  }

  async deactivate(scope: Scope): Promise<void> {
    const { sql, values } = whereScope(scope);
    await this.#session.run(`UPDATE registration_token SET active = 0 WHERE ${sql}`, values);
  }

  async consume(id: number, now: number): Promise<boolean> {
    const { affected } = await this.#session.run(
      `UPDATE registration_token SET uses_left = uses_left - 1
       WHERE id = ? AND active = 1 AND (expires_at IS NULL OR expires_at > ?) AND (uses_left IS NULL OR uses_left > 0)`,
      [id, now],
    );
    return affected === 1;
  }
}

function toApiToken(row: ApiTokenRow): ApiToken {
  const { id, accountId, name, access, expiresAt, createdAt } = row;
  return { id, accountId, name, grant: toGrant(row), access, expiresAt, createdAt };
}

function toGrant(row: ApiTokenRow): ApiToken["grant"] {
  switch (row.grantKind) {
    case "admin":
      return { kind: "admin" };
    case "owner":
      return { kind: "owner", ownerId: row.grantOwnerId };
    case "repository":
      return { kind: "repository", ownerId: row.grantOwnerId, repositoryId: row.grantRepositoryId };
  }
}

function toRegistrationToken(row: RegistrationTokenRow): RegistrationToken {
  const { id, active, current, sealed, expiresAt, usesLeft, cidrs, createdAt } = row;
  return { id, scope: scopeFromRow(row), active, current, sealed, expiresAt, usesLeft, cidrs, createdAt };
}
