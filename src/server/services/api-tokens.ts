import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Account, ApiToken } from "../domain/account.ts";
import type { Page, PageRequest, Store } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** Credentials of the REST interface. */
export class ApiTokens {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #hasher: TokenHasher;

  constructor(deps: { readonly store: Store; readonly clock: Clock; readonly ids: Ids; readonly hasher: TokenHasher }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#hasher = deps.hasher;
  }

  /** Makes a token; its text is returned this once. @throws AppError invalid for an expiry in the past */
  async create(
    account: Account,
    wanted: Pick<ApiToken, "name" | "grant" | "access" | "expiresAt">,
    actor: Actor,
  ): Promise<{ readonly apiToken: ApiToken; readonly token: string }> {
    const now = this.#clock.now();
    if (wanted.expiresAt !== null && wanted.expiresAt <= now) {
      throw new AppError("invalid", "the expiry of the API token lies in the past; give a later time");
    }
    const token = this.#ids.token();
    const verifier = await this.#hasher.make(token);
    const apiToken = await this.#store.write(async (tx) => {
      const row = await tx.apiTokens.insert({ ...wanted, accountId: account.id, createdAt: now }, verifier);
      const detail = { account: account.name, grant: wanted.grant.kind, access: wanted.access };
      await audit(tx, now, actor, { action: "api_token.create", target: `api_token:${row.id}`, detail });
      return row;
    });
    return { apiToken, token };
  }

  /** Tokens of an account. */
  list(account: Account, page: PageRequest): Promise<Page<ApiToken>> {
    return this.#store.read.apiTokens.list(account.id, page);
  }

  /** Deletes a token of an account. @throws AppError not_found when the account has none of that id */
  delete(account: Account, id: number, actor: Actor): Promise<void> {
    return this.#store.write(async (tx) => {
      const token = await tx.apiTokens.get(id);
      if (token === undefined || token.accountId !== account.id) {
        throw new AppError("not_found", `${account.name} has no API token ${id}`);
      }
      await tx.apiTokens.delete(id);
      await audit(tx, this.#clock.now(), actor, { action: "api_token.delete", target: `api_token:${id}` });
    });
  }
}
