import { BlockList, isIP } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import { newRunner } from "../domain/new-runner.ts";
import type { Runner } from "../domain/runner.ts";
import { type Scope, scopeKey } from "../domain/scope.ts";
import type { ReadTables, RegistrationToken, Store } from "../storage/store.ts";
import { audit } from "./audit.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { checkedLabels, truncated } from "./runner-fields.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** What a runner says of itself at its registration. */
export interface Registration {
  readonly name: string;
  readonly token: string;
  readonly version: string;
  readonly labels: readonly string[];
  readonly ephemeral: boolean;
  readonly capabilities: readonly string[];
  readonly description?: string;
}

/** Wrong tokens that one address may try. */
const ATTEMPTS = { burst: 20, perSecond: 0.5 };

/** Registers runners by registration token. */
export class RegisterRunner {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #hasher: TokenHasher;
  readonly #identity: RunnerIdentity;
  readonly #attempts: RateLimiter;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly hasher: TokenHasher;
    readonly identity: RunnerIdentity;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#hasher = deps.hasher;
    this.#identity = deps.identity;
    this.#attempts = new RateLimiter(deps.clock, ATTEMPTS);
  }

  /**
   * Makes a runner in the scope of its registration token. The runner's own token is returned this once.
   * @throws AppError invalid for missing fields and for a token that is unknown, reset, expired, used up or whose
   *   owner or repository is gone; forbidden when the token is not for this address; exhausted after too many wrong ones
   */
  async register(request: Registration, address: string): Promise<{ readonly runner: Runner; readonly token: string }> {
    if (request.name.trim() === "") throw new AppError("invalid", "the runner has no name; give one");
    if (request.token === "") throw new AppError("invalid", "the registration token is missing; give one");
    const labels = checkedLabels(request.labels);
    const found = await this.#checkedToken(request.token, address);
    const token = this.#ids.token();
    const verifier = await this.#hasher.make(token);
    const runner = await this.#store.write(async (tx) => {
      const now = this.#clock.now();
      if (!(await tx.registrationTokens.consume(found.id, now))) {
        const current = await tx.registrationTokens.findByMac(this.#hasher.mac(request.token));
        throw refusal(current, now) ?? usedUp();
      }
      const inserted = await tx.runners.insert(this.#row(request, labels, found.scope, now), verifier);
      await audit(
        tx,
        now,
        { accountId: null, address },
        {
          action: "runner.register",
          target: `runner:${inserted.id}`,
          detail: { name: inserted.name, scope: scopeKey(found.scope) },
        },
      );
      return inserted;
    });
    this.#identity.learn(runner, verifier);
    return { runner, token };
  }

  #row(request: Registration, labels: readonly string[], scope: Scope, now: number): Omit<Runner, "id"> {
    const { description = "", version, ephemeral, capabilities } = request;
    return newRunner({
      ...{ uuid: this.#ids.uuid(), name: truncated(request.name.trim(), 255), scope, labels, createdAt: now },
      ...{ description: truncated(description, 1024), version: truncated(version, 64), ephemeral, capabilities },
    });
  }

  async #checkedToken(token: string, address: string): Promise<RegistrationToken> {
    const found = await this.#store.read.registrationTokens.findByMac(this.#hasher.mac(token));
    const refused = refusal(found, this.#clock.now());
    if (found === undefined || refused !== undefined) {
      if (!this.#attempts.take(address)) {
        throw new AppError("exhausted", "too many wrong registration tokens from this address; try again in a minute");
      }
      throw refused ?? unknownToken();
    }
    if (found.cidrs.length > 0 && !isWithin(address, found.cidrs)) {
      throw new AppError(
        "forbidden",
        "the registration token is not for this network address; use it from an allowed one",
      );
    }
    await requireScope(this.#store.read, found.scope);
    return found;
  }
}

function refusal(token: RegistrationToken | undefined, now: number): AppError | undefined {
  if (token === undefined) return unknownToken();
  if (!token.active) {
    return new AppError("invalid", "the registration token has been invalidated by a reset; use the latest one");
  }
  if (token.expiresAt !== null && token.expiresAt <= now) {
    return new AppError("invalid", "the registration token has expired; ask for a new one");
  }
  return token.usesLeft === null || token.usesLeft > 0 ? undefined : usedUp();
}

function unknownToken(): AppError {
  return new AppError("invalid", "the registration token is not known here; copy it again from this server");
}

function usedUp(): AppError {
  return new AppError("invalid", "the registration token is used up; ask for a new one");
}

async function requireScope(read: ReadTables, scope: Scope): Promise<void> {
  if (scope.kind === "owner" && (await read.accounts.get(scope.ownerId)) === undefined) {
    throw new AppError("invalid", "the owner that the registration token belongs to is gone; use another token");
  }
  if (scope.kind === "repository" && (await read.repositories.get(scope.repositoryId)) === undefined) {
    throw new AppError("invalid", "the repository that the registration token belongs to is gone; use another token");
  }
}

/** Whether an address lies in one of the networks; an IPv4 address in IPv6 form counts as IPv4. */
function isWithin(address: string, cidrs: readonly string[]): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(plain);
  if (family === 0) return false;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net = "", bits] = cidr.split("/", 2);
    const version = isIP(net);
    if (version === 0) continue;
    list.addSubnet(
      net,
      bits === undefined ? (version === 4 ? 32 : 128) : Number(bits),
      version === 4 ? "ipv4" : "ipv6",
    );
  }
  return list.check(plain, family === 4 ? "ipv4" : "ipv6");
}
