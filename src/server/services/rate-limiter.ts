import type { Clock } from "../../lib/clock.ts";
import { BoundedMap } from "./bounded-map.ts";

interface Bucket {
  tokens: number;
  at: number;
}

/** Token buckets by key: `burst` at once, then `perSecond`. The keys that were used longest ago are forgotten. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets: BoundedMap<string, Bucket>;

  /** @param options.keys most keys that are remembered; default 10,000 */
  constructor(clock: Clock, options: { readonly burst: number; readonly perSecond: number; readonly keys?: number }) {
    this.#clock = clock;
    this.#burst = options.burst;
    this.#perSecond = options.perSecond;
    this.#buckets = new BoundedMap(options.keys ?? 10_000);
  }

  /** Takes one; false when the key has none left for now. */
  take(key: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
