import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Runner, RunnerVerifiers, TokenVerifier } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";
import { audit } from "./audit.ts";
import { BoundedMap } from "./bounded-map.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { TokenHasher } from "./token-hasher.ts";

interface Known extends RunnerVerifiers {
  readonly runner: Runner;
  /** Until when (epoch ms) it may be used without a look: the old token ends, or the time for last reports. */
  readonly until: number;
  /** Salted digest of the token that verified; spares the HMAC, which costs some 50 times as much in Node. */
  digest?: Buffer;
}

const CACHED_RUNNERS = 50_000;
const UNKNOWN_UUIDS = 10_000;
const UNKNOWN_FOR_MS = 5_000;
const LONGEST_CREDENTIAL = 256;
const ATTEMPTS = { burst: 10, perSecond: 0.5 };
/** How often a runner whose token does not fit what is remembered is read anew. */
const LOOKS = { burst: 5, perSecond: 1 };

/**
 * Tells which runner calls. Verified runners are kept in memory, so that a call costs one digest and no SQL; whoever
 * changes, rotates or deletes a runner calls `forget`. A database that is away is `unavailable`, never
 * `unauthenticated`: stock runners quit on the latter.
 */
export class RunnerIdentity {
  readonly #store: Store;
  readonly #hasher: TokenHasher;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #confirmed: (runnerId: number) => void;
  readonly #known = new BoundedMap<string, Known>(CACHED_RUNNERS);
  readonly #uuids = new BoundedMap<number, string>(CACHED_RUNNERS);
  /** Until when a uuid counts as unknown without a look. */
  readonly #unknown = new BoundedMap<string, number>(UNKNOWN_UUIDS);
  /** Pairs of address and uuid that verified before; they are not limited. */
  readonly #verified = new BoundedMap<string, true>(CACHED_RUNNERS);
  readonly #attempts: RateLimiter;
  readonly #looks: RateLimiter;
  readonly #salt = randomBytes(16).toString("hex");
  readonly #loading = new Map<string, Promise<Known | undefined>>();

  constructor(deps: {
    readonly store: Store;
    readonly hasher: TokenHasher;
    readonly clock: Clock;
    readonly log: Logger;
    /** The new token of a runner took the place of the old one. */
    readonly confirmed: (runnerId: number) => void;
  }) {
    this.#store = deps.store;
    this.#hasher = deps.hasher;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#confirmed = deps.confirmed;
    this.#attempts = new RateLimiter(deps.clock, ATTEMPTS);
    this.#looks = new RateLimiter(deps.clock, LOOKS);
  }

  /**
   * The runner with this uuid and token. The first call with a new token confirms it, and the old one is refused from
   * then on. A runner that departed (an ephemeral one after its task, one that was deleted in the middle of a job) has
   * `deletedAt` set and may only finish its reports.
   * @throws AppError unauthenticated with one message for an unknown uuid and a wrong token; exhausted after too many
   *   attempts of one address on one uuid; unavailable when the database is away
   */
  async identify(uuid: string, token: string, address: string): Promise<Runner> {
    if (uuid === "" || token === "" || uuid.length > LONGEST_CREDENTIAL || token.length > LONGEST_CREDENTIAL) {
      throw unregisteredRunner();
    }
    const cached = this.#known.get(uuid);
    if (cached?.digest !== undefined && timingSafeEqual(cached.digest, this.#digest(token))) {
      if (cached.until > this.#clock.now()) return cached.runner;
      this.forget(cached.runner.id);
    }
    return await this.#identifySlowly(uuid, token, address);
  }

  async #identifySlowly(uuid: string, token: string, address: string): Promise<Runner> {
    const pair = `${address} ${uuid}`;
    if (this.#verified.get(pair) === undefined && !this.#attempts.take(pair)) {
      throw new AppError("exhausted", "too many attempts for this runner from this address; try again in a minute");
    }
    const cached = this.#known.get(uuid);
    const known = cached ?? (await this.#loadOnce(uuid));
    let runner = known === undefined ? undefined : await this.#check(known, token, address);
    if (runner === undefined && cached !== undefined) runner = await this.#checkAnew(cached.runner, token, address);
    if (runner === undefined) throw unregisteredRunner();
    this.#verified.set(pair, true);
    return runner;
  }

  /** The runner, if the token is its own (or its new one, which thereby takes the place of the old). */
  async #check(known: Known, token: string, address: string): Promise<Runner | undefined> {
    const { runner, verifier, next } = known;
    if (next !== null && (await this.#hasher.verify(token, next)).ok) return await this.#confirm(known, token, address);
    const now = this.#clock.now();
    if (known.until <= now || (known.digest === undefined && isUnused(runner, now))) return undefined;
    const { ok, renewedMac } = await this.#hasher.verify(token, verifier);
    if (!ok) return undefined;
    known.digest = this.#digest(token);
    if (renewedMac !== undefined) await this.#renewMac(known, renewedMac);
    return runner;
  }

  /** What is remembered may be older than a rotation by another server. */
  async #checkAnew({ uuid, id }: Runner, token: string, address: string): Promise<Runner | undefined> {
    if (!this.#looks.take(uuid)) {
      throw new AppError("exhausted", "too many attempts for this runner; try again in a moment");
    }
    this.forget(id);
    const fresh = await this.#loadOnce(uuid);
    return fresh === undefined ? undefined : await this.#check(fresh, token, address);
  }

  /** @throws AppError unavailable when the database is away; the old token goes on working then */
  async #confirm(known: Known, token: string, address: string): Promise<Runner | undefined> {
    const { id, uuid } = known.runner;
    const mac = known.next?.mac ?? "";
    const now = this.#clock.now();
    await this.#store.write(async (tx) => {
      if (!(await tx.runners.confirmToken(id, mac, now))) return;
      const entry = { action: "runner.token_confirm", target: `runner:${id}` };
      await audit(tx, now, { accountId: null, address }, entry);
    });
    this.forget(id);
    this.#confirmed(id);
    const fresh = await this.#loadOnce(uuid);
    if (fresh === undefined || fresh.next !== null || !(await this.#hasher.verify(token, fresh.verifier)).ok) {
      return undefined;
    }
    fresh.digest = this.#digest(token);
    return fresh.runner;
  }

  /** A runner that was just registered or changed. */
  learn(runner: Runner, verifier: TokenVerifier): void {
    this.#unknown.delete(runner.uuid);
    this.#loading.delete(runner.uuid);
    this.#keep(knownAs(runner, { verifier, next: null }));
  }

  /** Takes over the new state of a runner whose token stays as it is. */
  refresh(runner: Runner): void {
    const known = this.#known.get(runner.uuid);
    this.#loading.delete(runner.uuid);
    if (known === undefined) return;
    const { digest } = known;
    this.#keep({ ...knownAs(runner, known), ...(digest === undefined ? {} : { digest }) });
  }

  /** Drops what is remembered of a runner, so that the next call reads it anew. */
  forget(runnerId: number): void {
    // Its uuid may count as unknown here, or be on its way.
    this.#unknown.clear();
    this.#loading.clear();
    const uuid = this.#uuids.get(runnerId);
    if (uuid === undefined) return;
    this.#known.delete(uuid);
    this.#uuids.delete(runnerId);
  }

  #digest(token: string): Buffer {
    return hash("sha256", this.#salt + token, "buffer");
  }

  async #loadOnce(uuid: string): Promise<Known | undefined> {
    const now = this.#clock.now();
    if ((this.#unknown.get(uuid) ?? 0) > now) return undefined;
    const running = this.#loading.get(uuid);
    if (running !== undefined) return await running;
    const load = this.#load(uuid);
    this.#loading.set(uuid, load);
    try {
      const found = await load;
      if (this.#loading.get(uuid) !== load) return found;
      if (found === undefined) this.#unknown.set(uuid, now + UNKNOWN_FOR_MS);
      else this.#keep(found);
      return found;
    } finally {
      if (this.#loading.get(uuid) === load) this.#loading.delete(uuid);
    }
  }

  async #load(uuid: string): Promise<Known | undefined> {
    try {
      const found = await this.#store.read.runners.findByUuid(uuid);
      if (found === undefined) return undefined;
      const { reportsUntil } = found.runner;
      if (reportsUntil !== null && reportsUntil <= this.#clock.now()) return undefined;
      return knownAs(found.runner, found);
    } catch (error) {
      throw new AppError("unavailable", "the runner cannot be looked up now because the database is away", error);
    }
  }

  async #renewMac(known: Known, mac: string): Promise<void> {
    const verifier = { hash: known.verifier.hash, mac };
    this.#keep({ ...known, verifier });
    try {
      await this.#store.write((tx) => tx.runners.setVerifier(known.runner.id, verifier));
    } catch (error) {
      this.#log.warn({ runner: known.runner.id, error: errorText(error) }, "the runner's token mac was not renewed");
    }
  }

  #keep(known: Known): void {
    this.#known.set(known.runner.uuid, known);
    this.#uuids.set(known.runner.id, known.runner.uuid);
  }
}

function knownAs(runner: Runner, { verifier, next }: RunnerVerifiers): Known {
  const until = runner.reportsUntil ?? runner.oldTokenUntil ?? Number.POSITIVE_INFINITY;
  return { runner, verifier, next, until };
}

/** Whether it was made to be used by a time that is over, and was not. */
function isUnused({ unusedUntil, lastOnline }: Runner, now: number): boolean {
  return unusedUntil !== null && lastOnline === null && unusedUntil <= now;
}

/**
 * The answer to a runner that the server does not know or whose token is wrong. Stock runners (gitea-runner 2.2 and
 * newer) look for the last two words.
 */
export function unregisteredRunner(): AppError {
  return new AppError(
    "unauthenticated",
    "this server does not know the runner; register it again: unregistered runner",
  );
}
