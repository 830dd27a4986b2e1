import type { FastifyReply } from "fastify";

/** Aborts when the caller is gone, on either version of HTTP; also, to no effect, when the answer is complete. */
export function replySignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // The response's "close" comes for a lost connection and for a reset stream; the request's comes when its body was read.
  const gone = () => controller.abort(new DOMException("the caller is gone", "AbortError"));
  if (reply.raw.destroyed) gone();
  else reply.raw.once("close", gone);
  return controller.signal;
}
