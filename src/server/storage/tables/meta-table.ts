import { AppError } from "../../../lib/errors.ts";
import { keepExisting } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { MetaWrites } from "../store.ts";

/** Single values of the server. */
export class MetaTable implements MetaWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(key: string): Promise<string | undefined> {
    const found = await this.#session.rows("SELECT meta_value FROM meta WHERE meta_key = ?", [key]);
    const value = found[0]?.["meta_value"];
    return typeof value === "string" ? value : undefined;
  }

  async putIfAbsent(key: string, value: string): Promise<string> {
    const keep = keepExisting(this.#session.dialect, "meta_key");
    await this.#session.run(`INSERT INTO meta (meta_key, meta_value) VALUES (?, ?)${keep}`, [key, value]);
    const stored = await this.get(key);
    if (stored === undefined) throw new AppError("internal", `the value ${key} vanished while it was stored`);
    return stored;
  }
}
