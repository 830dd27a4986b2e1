import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Runner, TokenVerifier } from "../domain/runner.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import { type Actor, audit, SERVER_ACTOR } from "./audit.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { SecretBox } from "./secret-box.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** Word of runners that take a new token by themselves; as in protocol/headers.ts. */
const TOKEN_ROTATION = "token-rotation";
/** Tokens of the same age are renewed over this part of their life, so that a fleet is not renewed at one moment. */
const SPREAD = 0.1;

/** When tokens of runners are renewed. */
export interface RunnerTokenSettings {
  /** Age at which the token of a runner that can take a new one is renewed; null: never. */
  readonly lifetimeMs: number | null;
  /** How long an old token works at the most beside a new one. */
  readonly overlapMs: number;
}

/** A new token of a runner, while it is not confirmed. */
export interface TokenOffer {
  readonly token: string;
  /** Until when the old one works at the latest, epoch ms. */
  readonly oldUntil: number;
}

/**
 * Rotates the tokens of runners:
 *
 *     one token ──rotate──► old and new ──a call with the new one──► the new one
 *                              │ ▲                                       ▲
 *                              └─┘ told again until it is used           │
 *                              └──the overlap ends: the old one dies─────┘ (the new one still has to be used once)
 *
 * A new token is kept sealed until it is used, so that it can be told again: whatever crashes, and wherever an answer is
 * lost, the runner has one that works. A second rotation in the middle of one gives the same token.
 */
export class RunnerTokens {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #log: Logger;
  readonly #hasher: TokenHasher;
  readonly #box: SecretBox;
  readonly #identity: RunnerIdentity;
  readonly #dispatcher: Dispatcher;
  readonly #settings: RunnerTokenSettings;
  /** Runners whose token is being renewed because of its age. */
  readonly #renewing = new Set<number>();

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Logger;
    readonly hasher: TokenHasher;
    readonly box: SecretBox;
    readonly identity: RunnerIdentity;
    readonly dispatcher: Dispatcher;
    readonly tokens: RunnerTokenSettings;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#log = deps.log;
    this.#hasher = deps.hasher;
    this.#box = deps.box;
    this.#identity = deps.identity;
    this.#dispatcher = deps.dispatcher;
    this.#settings = deps.tokens;
  }

  /**
   * Makes a new token; a runner that takes it by itself is told over its stream, or at its next report.
   * @param options.overlapMs how long the old one works at the most; 0 ends it at once @default the server's setting
   * @throws AppError not_found when the runner is gone; exhausted when too many tokens are being made
   */
  async rotate(runnerId: number, actor: Actor, options: { readonly overlapMs?: number } = {}): Promise<TokenOffer> {
    const fresh = await this.#fresh(runnerId);
    const offer = await this.#store.write((tx) => this.#write(tx, runnerId, actor, fresh, options.overlapMs));
    this.#identity.forget(runnerId);
    this.#dispatcher.runnerChanged(runnerId);
    return offer;
  }

  /**
   * What a runner that is in contact has to be told: its new token, if it takes one by itself. Renews a token that is
   * too old. Never rejects, since it goes along with other answers.
   */
  async offerTo(runner: Runner): Promise<TokenOffer | undefined> {
    if (!takesTokens(runner)) return undefined;
    try {
      if (runner.oldTokenUntil !== null) return await this.#pending(runner.id, runner.oldTokenUntil);
      return this.#isTooOld(runner) ? await this.#renew(runner.id) : undefined;
    } catch (error) {
      this.#log.warn(
        { runner: runner.id, error: errorText(error) },
        "a runner was not told its new token; later again",
      );
      return undefined;
    }
  }

  async #renew(runnerId: number): Promise<TokenOffer | undefined> {
    if (this.#renewing.has(runnerId)) return undefined;
    this.#renewing.add(runnerId);
    try {
      return await this.rotate(runnerId, SERVER_ACTOR);
    } finally {
      this.#renewing.delete(runnerId);
    }
  }

  #isTooOld({ id, tokenMadeAt }: Runner): boolean {
    const { lifetimeMs } = this.#settings;
    if (lifetimeMs === null) return false;
    const share = (id * 0.618_033_988_749) % 1;
    return this.#clock.now() - tokenMadeAt >= lifetimeMs * (1 - SPREAD * share);
  }

  async #pending(runnerId: number, oldUntil: number): Promise<TokenOffer | undefined> {
    const sealed = await this.#store.read.runners.sealedToken(runnerId);
    return sealed === undefined ? undefined : { token: this.#box.open(sealed, context(runnerId)), oldUntil };
  }

  /** Made before the transaction, because it takes long on purpose; not needed where one is under way. */
  async #fresh(runnerId: number): Promise<{ readonly token: string; readonly verifier: TokenVerifier } | undefined> {
    if ((await this.#store.read.runners.sealedToken(runnerId)) !== undefined) return undefined;
    const token = this.#ids.token();
    return { token, verifier: await this.#hasher.make(token) };
  }

  async #write(
    tx: WriteTables,
    runnerId: number,
    actor: Actor,
    fresh: { readonly token: string; readonly verifier: TokenVerifier } | undefined,
    overlapMs: number | undefined,
  ): Promise<TokenOffer> {
    const now = this.#clock.now();
    const runner = await tx.runners.lock(runnerId);
    if (runner === undefined) throw new AppError("not_found", `there is no runner ${runnerId}`);
    const until = now + (overlapMs ?? this.#settings.overlapMs);
    const sealed = await tx.runners.sealedToken(runnerId);
    let offer: TokenOffer;
    if (sealed !== undefined) {
      const oldUntil = overlapMs === undefined ? (runner.oldTokenUntil ?? until) : until;
      await tx.runners.update(runnerId, { oldTokenUntil: oldUntil });
      offer = { token: this.#box.open(sealed, context(runnerId)), oldUntil };
    } else if (fresh === undefined) {
      throw new AppError(
        "conflict",
        `the token of runner ${runnerId} was confirmed just now; rotate it again if needed`,
      );
    } else {
      const { token, verifier } = fresh;
      await tx.runners.offerToken(runnerId, { verifier, sealed: this.#box.seal(token, context(runnerId)) }, until);
      offer = { token, oldUntil: until };
    }
    const detail = { old_until: offer.oldUntil, repeated: sealed !== undefined };
    await audit(tx, now, actor, { action: "runner.token_rotate", target: `runner:${runnerId}`, detail });
    return offer;
  }
}

/** Whether a runner stores a new token that it is told. Those that live for one task need none. */
export function takesTokens(runner: Pick<Runner, "capabilities" | "ephemeral">): boolean {
  return !runner.ephemeral && runner.capabilities.includes(TOKEN_ROTATION);
}

function context(runnerId: number): string {
  return `runner-token:${runnerId}`;
}
