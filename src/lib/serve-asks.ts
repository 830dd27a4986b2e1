import type { MessagePort } from "node:worker_threads";
import { AppError, type ErrorCode } from "./errors.ts";

/** What a thread of a `WorkerPool` answers. */
export type WorkerReply<Answer> =
  | { readonly value: Answer }
  | { readonly error: string; readonly code: string; readonly appCode?: ErrorCode };

/** The inner side of a `WorkerPool`: answers one question after the other until it is told to end. */
export function serveAsks<Ask, Answer>(
  port: MessagePort | null,
  answer: (ask: Ask) => Answer,
  close: () => void = () => undefined,
): void {
  if (port === null) throw new AppError("internal", "this file runs as a worker thread only");
  port.on("message", (ask: Ask | null) => {
    if (ask === null) {
      close();
      port.close();
    } else port.postMessage(reply(ask, answer));
  });
}

function reply<Ask, Answer>(ask: Ask, answer: (ask: Ask) => Answer): WorkerReply<Answer> {
  try {
    return { value: answer(ask) };
  } catch (error) {
    if (error instanceof AppError) return { error: error.message, code: "", appCode: error.code };
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { error: error instanceof Error ? error.message : String(error), code };
  }
}
