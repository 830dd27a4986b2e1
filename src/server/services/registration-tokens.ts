import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import { type Scope, scopeKey } from "../domain/scope.ts";
import type { RegistrationToken, Store, WriteTables } from "../storage/store.ts";
import { type Actor, audit, SERVER_ACTOR } from "./audit.ts";
import type { SecretBox } from "./secret-box.ts";
import { takeStartLock } from "./start-lock.ts";
import type { TokenHasher } from "./token-hasher.ts";

const SHORTEST_PRESET = 32;

/**
 * Registration tokens. Each scope has a current one, which can be shown again as in Gitea (sealed at rest) and lasts
 * until it is reset; those with an expiry, a number of uses or a list of addresses are extra and shown once.
 */
export class RegistrationTokens {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #hasher: TokenHasher;
  readonly #box: SecretBox;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly hasher: TokenHasher;
    readonly box: SecretBox;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#hasher = deps.hasher;
    this.#box = deps.box;
  }

  /** The current token of the scope; the first call makes it. */
  async current(scope: Scope, actor: Actor): Promise<string> {
    const existing = await this.#store.read.registrationTokens.current(scope);
    if (existing !== undefined) return this.#opened(existing);
    return await this.#store.write(async (tx) => {
      const raced = await tx.registrationTokens.current(scope);
      return raced === undefined ? await this.#insertCurrent(tx, scope, this.#ids.token(), actor) : this.#opened(raced);
    });
  }

  /** Makes all tokens of exactly this scope invalid and returns a new current one. Registered runners keep working. */
  async reset(scope: Scope, actor: Actor): Promise<string> {
    return await this.#store.write(async (tx) => {
      await tx.registrationTokens.deactivate(scope);
      return await this.#insertCurrent(tx, scope, this.#ids.token(), actor);
    });
  }

  /**
   * Makes the given token the current one of the whole server, for set-ups by script.
   * @throws AppError invalid when it has less than 32 characters; conflict when it is one that was made invalid
   */
  async preset(token: string): Promise<void> {
    if (token.length < SHORTEST_PRESET) {
      throw new AppError("invalid", `the preset registration token needs at least ${SHORTEST_PRESET} characters`);
    }
    const mac = this.#hasher.mac(token);
    await this.#store.write(async (tx) => {
      await takeStartLock(tx);
      const existing = await tx.registrationTokens.findByMac(mac);
      if (existing === undefined) {
        await tx.registrationTokens.deactivate({ kind: "global" });
        await this.#insertCurrent(tx, { kind: "global" }, token, SERVER_ACTOR);
      } else if (!existing.active) {
        throw new AppError("conflict", "the preset registration token was made invalid by a reset; preset another one");
      }
    });
  }

  /** Makes an extra token, shown once. @throws AppError invalid for limits that nobody can meet */
  async create(
    scope: Scope,
    limits: { readonly expiresAt?: number; readonly uses?: number; readonly cidrs?: readonly string[] },
    actor: Actor,
  ): Promise<{ readonly token: string; readonly row: RegistrationToken }> {
    const now = this.#clock.now();
    if (limits.uses !== undefined && !(Number.isInteger(limits.uses) && limits.uses > 0)) {
      throw new AppError("invalid", "the number of uses of a registration token must be a whole number above 0");
    }
    if (limits.expiresAt !== undefined && limits.expiresAt <= now) {
      throw new AppError("invalid", "the expiry of a registration token must lie in the future");
    }
    const token = this.#ids.token();
    const row = await this.#store.write(async (tx) => {
      const inserted = await tx.registrationTokens.insert(
        {
          scope,
          active: true,
          current: false,
          sealed: null,
          expiresAt: limits.expiresAt ?? null,
          usesLeft: limits.uses ?? null,
          cidrs: limits.cidrs ?? [],
          createdAt: now,
        },
        this.#hasher.mac(token),
      );
      await this.#audited(tx, "registration_token.create", scope, actor);
      return inserted;
    });
    return { token, row };
  }

  async #insertCurrent(tx: WriteTables, scope: Scope, token: string, actor: Actor): Promise<string> {
    await tx.registrationTokens.insert(
      {
        scope,
        active: true,
        current: true,
        sealed: this.#box.seal(token, context(scope)),
        expiresAt: null,
        usesLeft: null,
        cidrs: [],
        createdAt: this.#clock.now(),
      },
      this.#hasher.mac(token),
    );
    await this.#audited(tx, "registration_token.make_current", scope, actor);
    return token;
  }

  #audited(tx: WriteTables, action: string, scope: Scope, actor: Actor): Promise<void> {
    return audit(tx, this.#clock.now(), actor, { action, target: scopeKey(scope) });
  }

  #opened(token: RegistrationToken): string {
    if (token.sealed === null) throw new AppError("internal", "the current registration token was not kept; reset it");
    return this.#box.open(token.sealed, context(token.scope));
  }
}

function context(scope: Scope): string {
  return `registration-token:${scopeKey(scope)}`;
}
