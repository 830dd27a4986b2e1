import { backOffMs } from "../lib/back-off.ts";
import type { Ids } from "../lib/ids.ts";
import type { PollEnd, Poller } from "./poller.ts";
import { readTaskStream, type StreamEnd, type TaskStreamOptions } from "./read-task-stream.ts";

/** How long the runner polls after a stream that broke, doubled with each that breaks soon again. */
const AFTER_BREAK = { baseMs: 5_000, maxMs: 10 * 60_000 };
/** The same where a proxy holds streams back: they will hardly come through the next time. */
const AFTER_SILENCE = { baseMs: 60_000, maxMs: 10 * 60_000 };
/** A stream that lived for so long was a good one. */
const GOOD_MS = 60_000;
/** Another process has this runner's stream; taking it back would only begin a quarrel. */
const AFTER_REPLACED_MS = 10 * 60_000;

/** What taking tasks needs. */
export interface TakeTasksOptions extends TaskStreamOptions {
  readonly poller: Poller;
  /** Told when a stream broke. */
  readonly onBreak?: () => void;
  readonly ids: Ids;
}

/**
 * Takes tasks by streams of a server that has them, and by polls for a while after a stream that failed, or for good
 * where the server does not know streams. Ends as `Poller.run` does.
 */
export async function takeTasks(options: TakeTasksOptions, { signal }: { signal: AbortSignal }): Promise<PollEnd> {
  const { poller, clock, ids, logger, slots } = options;
  let failures = 0;
  while (!signal.aborted) {
    if (slots.enough) return "enough";
    const openedAt = clock.now();
    const end = await readTaskStream(options, { signal });
    if (end.kind === "stopped" || end.kind === "enough" || end.kind === "unregistered") return end.kind;
    if (end.kind === "unimplemented") {
      logger.info({}, "the server has no streams of tasks; it is polled");
      return await poller.run({ signal });
    }
    if (clock.now() - openedAt >= GOOD_MS) failures = 0;
    if (end.kind === "goaway" && !end.replaced) {
      const pause = backOffMs(1, { baseMs: Math.max(end.reconnectAfterMs, 100), maxMs: AFTER_BREAK.maxMs }, ids);
      logger.info({}, "the server ends the stream of tasks; another one is opened");
      await clock.sleep(pause, { signal }).catch(() => undefined);
      continue;
    }
    failures += 1;
    options.onBreak?.();
    const pollMs = pollingMs(end, failures, ids);
    logger.info({ reason: reasonOf(end), pollMs }, "the stream of tasks ended; the server is polled for a while");
    const over = new AbortController();
    using _ = clock.timer(pollMs, () => over.abort());
    const polled = await poller.run({ signal: AbortSignal.any([signal, over.signal]) });
    if (polled !== "stopped") return polled;
  }
  return "stopped";
}

function pollingMs(end: StreamEnd, failures: number, ids: Ids): number {
  if (end.kind === "goaway") return AFTER_REPLACED_MS;
  return backOffMs(failures, end.kind === "silent" ? AFTER_SILENCE : AFTER_BREAK, ids);
}

function reasonOf(end: StreamEnd): string {
  if (end.kind === "goaway") return "another process with the same identity has opened one";
  if (end.kind === "silent") return "nothing came for too long";
  return end.kind === "broken" && end.error instanceof Error ? end.error.message : end.kind;
}
