import type { LogMatch, LogState, SearchStep } from "../log-store.ts";

/** Bytes of rows that are searched by one request to a thread. */
const PART_BYTES = 16 * 1024 * 1024;

/**
 * Searches a log in parts of some size, several at once, and tells what they hold in order.
 * @param scan finds the matches in the rows `[from, to)`
 * @param atOnce parts that are looked through at the same time
 */
export async function* searchLog(
  state: LogState,
  scan: (from: number, to: number) => Promise<readonly LogMatch[]>,
  options: { readonly from: number; readonly atOnce: number; readonly signal: AbortSignal },
): AsyncGenerator<SearchStep> {
  const { from, atOnce, signal } = options;
  const rowsPerPart = Math.max(1, Math.ceil((PART_BYTES * state.rows) / Math.max(1, state.bytes)));
  const running: { readonly to: number; readonly matches: Promise<readonly LogMatch[]> }[] = [];
  for (let next = from; ; ) {
    while (running.length < atOnce && next < state.rows && !signal.aborted) {
      const to = Math.min(state.rows, next + rowsPerPart);
      const matches = scan(next, to);
      // Whoever stops listening leaves the rest unobserved.
      matches.catch(() => undefined);
      running.push({ to, matches });
      next = to;
    }
    const first = running.shift();
    if (first === undefined || signal.aborted) return;
    yield { matches: await first.matches, nextRow: first.to };
  }
}
