import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Account, ApiToken } from "../domain/account.ts";
import type { Store } from "../storage/store.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** Wrong API tokens that one address may try. */
const ATTEMPTS = { burst: 20, perSecond: 1 };
const LONGEST_TOKEN = 512;

/** Tells which account calls the REST interface, by the look-up of the token's mac. */
export class ApiIdentity {
  readonly #store: Store;
  readonly #hasher: TokenHasher;
  readonly #clock: Clock;
  readonly #attempts: RateLimiter;

  constructor(deps: { readonly store: Store; readonly hasher: TokenHasher; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#hasher = deps.hasher;
    this.#clock = deps.clock;
    this.#attempts = new RateLimiter(deps.clock, ATTEMPTS);
  }

  /**
   * The token and its account.
   * @throws AppError unauthenticated when it is unknown or expired; exhausted after too many wrong ones of one
   *   address; unavailable when the database is away
   */
  async identify(token: string, address: string): Promise<{ readonly apiToken: ApiToken; readonly account: Account }> {
    const apiToken = token.length > LONGEST_TOKEN ? undefined : await this.#find(token);
    const account = apiToken === undefined ? undefined : await this.#store.read.accounts.get(apiToken.accountId);
    if (apiToken === undefined || account === undefined) throw this.#refusal(address);
    if (apiToken.expiresAt !== null && apiToken.expiresAt <= this.#clock.now()) {
      throw new AppError("unauthenticated", `the API token "${apiToken.name}" has expired; make a new one`);
    }
    return { apiToken, account };
  }

  async #find(token: string): Promise<ApiToken | undefined> {
    try {
      return await this.#store.read.apiTokens.findByMac(this.#hasher.mac(token));
    } catch (error) {
      throw new AppError("unavailable", "the API token cannot be looked up now because the database is away", error);
    }
  }

  #refusal(address: string): AppError {
    if (this.#attempts.take(address))
      return new AppError("unauthenticated", "the API token is not known to this server");
    return new AppError("exhausted", "too many wrong API tokens from this address; try again in a minute");
  }
}
