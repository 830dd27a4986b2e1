import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";

/** What an address allows. */
export interface Grant {
  readonly action: "read" | "write";
  readonly kind: "artifact" | "cache";
  readonly id: number;
}

/** Where signed addresses begin; Azure's client wants three pieces of a path or more. */
export const BLOB_PATH = "/api/actions_results/blobs";

/**
 * Addresses that carry their own permission until they expire, as Azure's shared access signatures do: for one blob, to
 * read or to write. Whoever has the address may use it; it is as good as a token and is never logged.
 */
export class SignedAddresses {
  readonly #key: KeyObject;
  readonly #clock: Clock;

  /** @param key 32 random bytes */
  constructor(key: Buffer, clock: Clock) {
    this.#key = createSecretKey(key);
    this.#clock = clock;
  }

  /** @param base where these services are, without a slash at its end @param name last piece of the path, for people and for clients that look at its end */
  sign(base: string, grant: Grant, name: string, lifetimeMs: number): string {
    const expires = this.#clock.now() + lifetimeMs;
    const query = new URLSearchParams({
      act: grant.action,
      exp: String(expires),
      sig: this.#signature(grant, expires),
    });
    return `${base}${BLOB_PATH}/${grant.kind}/${grant.id}/${encodeURIComponent(name)}?${query}`;
  }

  /** What a path and its query allow. @throws AppError forbidden when it is not ours or has expired */
  verify(path: string, query: URLSearchParams): Grant {
    const found = new RegExp(`^${BLOB_PATH}/(artifact|cache)/(\\d{1,15})/[^/]*$`).exec(path);
    const action = query.get("act");
    const expires = Number(query.get("exp"));
    const given = Buffer.from(query.get("sig") ?? "", "base64url");
    if (found === null || (action !== "read" && action !== "write")) throw refused();
    const grant: Grant = { action, kind: found[1] as Grant["kind"], id: Number(found[2]) };
    const wanted = Buffer.from(this.#signature(grant, expires), "base64url");
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw refused();
    if (!(expires > this.#clock.now())) throw new AppError("forbidden", "the address has expired; ask for a new one");
    return grant;
  }

  #signature({ action, kind, id }: Grant, expires: number): string {
    return createHmac("sha256", this.#key).update(`${action}\n${kind}\n${id}\n${expires}`).digest("base64url");
  }
}

function refused(): AppError {
  return new AppError("forbidden", "the address was not made by this server");
}
