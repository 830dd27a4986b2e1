import { GLOBAL_SCOPE, type Scope } from "../../domain/scope.ts";
import { isDuplicate } from "../database-errors.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { scopeToRow, whereScope } from "../schema/scope-columns.ts";
import { type SettingRow, settingEntity } from "../schema/server-entities.ts";
import type { Session } from "../session.ts";
import type { Setting, SettingWrites } from "../store.ts";

const rows = new RowMapper<SettingRow>(settingEntity);

type Visible = Awaited<ReturnType<SettingWrites["visibleTo"]>>[number];

/** Secrets and variables. */
export class SettingTable implements SettingWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async list(kind: "secret" | "variable", scope: Scope): Promise<readonly Setting[]> {
    const { sql, values } = whereScope(scope);
    const found = await this.#session.select(rows, `WHERE kind = ? AND ${sql} ORDER BY name`, [kind, ...values]);
    return found.map(({ name, value, description, createdAt }) => ({ name, value, description, createdAt }));
  }

  visibleTo(repository: { readonly ownerId: number; readonly repositoryId: number }): Promise<readonly Visible[]> {
    const { ownerId, repositoryId } = repository;
    return this.#session.shared(`settings ${ownerId} ${repositoryId}`, () => this.#visibleTo(ownerId, repositoryId));
  }

  async #visibleTo(ownerId: number, repositoryId: number): Promise<readonly Visible[]> {
    const scopes: readonly Scope[] = [
      GLOBAL_SCOPE,
      { kind: "owner", ownerId },
      { kind: "repository", ownerId, repositoryId },
    ];
    const conditions = scopes.map(whereScope);
    // One statement: this is asked for each job that is handed out.
    const sql = conditions.map(
      (scope) => `SELECT * FROM setting WHERE kind IN ('secret', 'variable') AND ${scope.sql}`,
    );
    const raw = await this.#session.rows(
      sql.join(" UNION ALL "),
      conditions.flatMap(({ values }) => values),
    );
    const found = raw.map((row) => rows.decode(row));
    return scopes.flatMap((scope) =>
      found
        .filter((row) => row.scopeKind === scope.kind)
        .map(({ kind, name, value, description, createdAt }) => ({ kind, scope, name, value, description, createdAt })),
    );
  }

  async put(kind: "secret" | "variable", scope: Scope, setting: Setting): Promise<boolean> {
    const { sql, values } = whereScope(scope);
    const { value, description } = setting;
    const where = `kind = ? AND name = ? AND ${sql}`;
    const changed = await this.#session.update(rows, { value, description }, where, [kind, setting.name, ...values]);
    if (changed > 0) return false;
    try {
      await this.#session.insert(rows, { ...setting, ...scopeToRow(scope), kind });
      return true;
    } catch (error) {
      // Another replica made it in between (MySQL); the statement failed, the transaction goes on.
      if (!isDuplicate(error)) throw error;
      await this.#session.update(rows, { value, description }, where, [kind, setting.name, ...values]);
      return false;
    }
  }

  async delete(kind: "secret" | "variable", scope: Scope, name: string): Promise<boolean> {
    const { sql, values } = whereScope(scope);
    const where = `DELETE FROM setting WHERE kind = ? AND name = ? AND ${sql}`;
    return (await this.#session.run(where, [kind, name, ...values])).affected > 0;
  }
}
