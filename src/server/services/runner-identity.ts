import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Runner, TokenVerifier } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { TokenHasher } from "./token-hasher.ts";

interface Known {
  readonly runner: Runner;
  readonly verifier: TokenVerifier;
  /** Salted digest of the token that verified; spares the HMAC, which costs some 50 times as much in Node. */
  digest?: Buffer;
}

const CACHED_RUNNERS = 50_000;
const UNKNOWN_UUIDS = 10_000;
const UNKNOWN_FOR_MS = 5_000;
const LONGEST_CREDENTIAL = 256;
const ATTEMPTS = { burst: 10, perSecond: 0.5 };

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
  readonly #known = new BoundedMap<string, Known>(CACHED_RUNNERS);
  readonly #uuids = new BoundedMap<number, string>(CACHED_RUNNERS);
  /** Until when a uuid counts as unknown without a look. */
  readonly #unknown = new BoundedMap<string, number>(UNKNOWN_UUIDS);
  /** Pairs of address and uuid that verified before; they are not limited. */
  readonly #verified = new BoundedMap<string, true>(CACHED_RUNNERS);
  readonly #attempts: RateLimiter;
  readonly #salt = randomBytes(16).toString("hex");
  readonly #loading = new Map<string, Promise<Known | undefined>>();
  /** Deleted runners whose last reports are still taken, by uuid. */
  readonly #departed = new Map<string, Known & { readonly until: number }>();

  constructor(deps: {
    readonly store: Store;
    readonly hasher: TokenHasher;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#store = deps.store;
    this.#hasher = deps.hasher;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#attempts = new RateLimiter(deps.clock, ATTEMPTS);
  }

  /**
   * The runner with this uuid and token. One that departed (an ephemeral one after its task, one that was
   * deleted in the middle of a job) has `deletedAt` set and
   * may only finish its reports.
   * @throws AppError unauthenticated with one message for an unknown uuid and a wrong token; exhausted after too many
   *   attempts of one address on one uuid; unavailable when the database is away
   */
  async identify(uuid: string, token: string, address: string): Promise<Runner> {
    if (uuid === "" || token === "" || uuid.length > LONGEST_CREDENTIAL || token.length > LONGEST_CREDENTIAL) {
      throw unregisteredRunner();
    }
    const cached = this.#known.get(uuid);
    if (cached?.digest !== undefined && timingSafeEqual(cached.digest, this.#digest(token))) return cached.runner;
    return await this.#identifySlowly(uuid, token, address);
  }

  async #identifySlowly(uuid: string, token: string, address: string): Promise<Runner> {
    const departed = this.#departedRunner(uuid);
    if (departed !== undefined) {
      if (this.#hasher.matches(token, departed.verifier.mac)) return departed.runner;
      throw unregisteredRunner();
    }
    const pair = `${address} ${uuid}`;
    if (this.#verified.get(pair) === undefined && !this.#attempts.take(pair)) {
      throw new AppError("exhausted", "too many attempts for this runner from this address; try again in a minute");
    }
    const known = this.#known.get(uuid) ?? (await this.#loadOnce(uuid));
    if (known === undefined) throw unregisteredRunner();
    const { ok, renewedMac } = await this.#hasher.verify(token, known.verifier);
    if (!ok) throw unregisteredRunner();
    this.#verified.set(pair, true);
    known.digest = this.#digest(token);
    if (renewedMac !== undefined) await this.#renewMac(known, renewedMac);
    return known.runner;
  }

  /** A runner that was just registered or changed. */
  learn(runner: Runner, verifier: TokenVerifier): void {
    this.#unknown.delete(runner.uuid);
    this.#loading.delete(runner.uuid);
    this.#keep({ runner, verifier });
  }

  /** Takes over the new state of a runner whose token stays as it is. */
  refresh(runner: Runner): void {
    const known = this.#known.get(runner.uuid);
    this.#loading.delete(runner.uuid);
    if (known !== undefined) this.#keep({ ...known, runner });
  }

  /** Drops what is remembered of a runner, so that the next call reads it anew. */
  forget(runnerId: number): void {
    const uuid = this.#uuids.get(runnerId);
    if (uuid === undefined) return;
    this.#known.delete(uuid);
    this.#uuids.delete(runnerId);
    // A load that began before the change must not be kept when it ends after it.
    this.#loading.delete(uuid);
  }

  /**
   * The runner's row was deleted, because it has done its one task or in the middle of one; its last reports are taken
   * for `graceMs` more.
   * Does nothing for a runner that was never seen: it has nothing to report.
   */
  depart(runnerId: number, graceMs: number): void {
    const uuid = this.#uuids.get(runnerId);
    const known = uuid === undefined ? undefined : this.#known.get(uuid);
    this.forget(runnerId);
    if (uuid === undefined || known === undefined) return;
    const now = this.#clock.now();
    for (const [other, { until }] of this.#departed) if (until <= now) this.#departed.delete(other);
    const runner = { ...known.runner, deletedAt: now };
    this.#departed.set(uuid, { runner, verifier: known.verifier, until: now + graceMs });
  }

  #digest(token: string): Buffer {
    return hash("sha256", this.#salt + token, "buffer");
  }

  #departedRunner(uuid: string): Known | undefined {
    const departed = this.#departed.get(uuid);
    return departed !== undefined && departed.until > this.#clock.now() ? departed : undefined;
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
      return await this.#store.read.runners.findByUuid(uuid);
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
