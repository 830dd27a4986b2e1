import { PassThrough } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Clock } from "../../lib/clock.ts";
import { AppError, type ErrorCode, toAppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";

/** One server-sent event. */
export interface StreamEvent {
  readonly event: string;
  /** Sent back by the client as `Last-Event-ID` when it connects again. */
  readonly id?: string;
  readonly data: JsonValue;
}

/**
 * A comment so often keeps proxies from closing the connection, and finds out that the client is gone. As often it is
 * looked whether the caller may still read on.
 */
const KEEP_ALIVE_MS = 15_000;
const SHUT_OUT: ReadonlySet<ErrorCode> = new Set(["unauthenticated", "forbidden", "not_found"]);

/**
 * Answers with server-sent events until the source ends, the caller leaves or `closing` aborts. An error of the source
 * is sent as the event `error`; the client connects again after other ends by itself.
 * @param options.admit is asked again and again: when it says that the caller is not known any more, or may not read
 *   this, that is sent as `error` and the stream ends; another failure of it changes nothing
 */
export async function sendEvents(
  reply: FastifyReply,
  events: (signal: AbortSignal) => AsyncIterable<StreamEvent>,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly admit: () => Promise<unknown> },
): Promise<FastifyReply> {
  const { clock, signal, admit } = options;
  const body = new PassThrough();
  reply
    .code(200)
    .header("content-type", "text/event-stream; charset=utf-8")
    .header("cache-control", "no-cache, no-transform")
    // nginx holds answers back otherwise.
    .header("x-accel-buffering", "no")
    .serializer((payload: unknown) => payload as string)
    .send(body);
  const finished = new AbortController();
  const ends = AbortSignal.any([signal, finished.signal]);
  const beat = keepAlive(body, clock, ends, admit).catch((refusal: unknown) => finished.abort(refusal));
  try {
    body.write(": connected\n\n");
    for await (const event of events(ends)) {
      if (!body.write(eventText(event))) await drained(body, ends);
    }
  } catch (error) {
    if (!ends.aborted) body.write(eventText({ event: "error", data: { message: toAppError(error).message } }));
  } finally {
    const { reason } = finished.signal;
    if (reason instanceof AppError) body.write(eventText({ event: "error", data: { message: reason.message } }));
    finished.abort();
    await beat;
    body.end();
  }
  return reply;
}

/** An event as it stands on the wire. */
function eventText({ event, id, data }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** @throws AppError when the caller may not read on */
async function keepAlive(
  body: PassThrough,
  clock: Clock,
  signal: AbortSignal,
  admit: () => Promise<unknown>,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(KEEP_ALIVE_MS, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    body.write(": alive\n\n");
    await admit().catch((error: unknown) => {
      if (SHUT_OUT.has(toAppError(error).code)) throw toAppError(error);
    });
  }
}

/** Waits until the client has taken what was written, so that a slow one does not fill the memory. */
async function drained(body: PassThrough, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  body.once("drain", resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  signal.throwIfAborted();
}
