import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { argon2id, hash, verify } from "argon2";
import type { TokenVerifier } from "../domain/runner.ts";
import { BoundedQueue } from "./bounded-queue.ts";

/** OWASP's minimum for argon2id. */
const ARGON2 = { type: argon2id, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 } as const;
/** At about 25 ms each, the last in line waits some 6 s. */
const LONGEST_LINE = 512;

/**
 * Makes and checks the stored form of tokens: argon2id, and beside it an HMAC under the server key, which looks up
 * API tokens and answers all later checks in microseconds. Argon2 runs two at a time.
 */
export class TokenHasher {
  /** A key object: with bytes each use would make one, which costs six times the HMAC itself. */
  readonly #macKey: KeyObject;
  readonly #queue = new BoundedQueue(2, LONGEST_LINE);

  /** @param macKey `ServerKeys.mac` */
  constructor(macKey: Buffer) {
    this.#macKey = createSecretKey(macKey);
  }

  /** Hex HMAC-SHA256 of the token. */
  mac(token: string): string {
    return createHmac("sha256", this.#macKey).update(token).digest("hex");
  }

  /** What is stored of a new token. @throws AppError exhausted when too many are being made */
  async make(token: string): Promise<TokenVerifier> {
    return { hash: await this.#queue.run(() => hash(token, ARGON2)), mac: this.mac(token) };
  }

  /** Compares the token with a mac, in constant time. */
  matches(token: string, mac: string): boolean {
    const expected = Buffer.from(mac, "hex");
    const actual = createHmac("sha256", this.#macKey).update(token).digest();
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }

  /**
   * Whether the token is the stored one. By the mac where there is one; where it is empty (the server key was
   * replaced) by argon2, and the caller should then store `renewedMac`.
   * @throws AppError exhausted when too many wait for argon2
   */
  async verify(token: string, stored: TokenVerifier): Promise<{ readonly ok: boolean; readonly renewedMac?: string }> {
    if (stored.mac !== "") return { ok: this.matches(token, stored.mac) };
    const ok = await this.#queue.run(() => verify(stored.hash, token));
    return ok ? { ok, renewedMac: this.mac(token) } : { ok };
  }
}
