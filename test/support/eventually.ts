import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits until `probe` gives a value other than undefined or false, and returns it.
 * @throws Error naming `what` when it took longer than `timeoutMs` (default 10 s)
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`gave up waiting for: ${what}`);
    await delay(10);
  }
}
