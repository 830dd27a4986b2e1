import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { type GoAway, GoAway_Reason, type StreamTasksResponse } from "../protocol/messages.ts";
import { classifyCallError } from "./call-failure.ts";
import type { RunnerClient } from "./client.ts";
import type { TaskSlots } from "./task-slots.ts";

/** A stream that has brought nothing for so long after its opening is held back by a proxy. */
const FIRST_MS = 5_000;
/** Two keep-alives were missed, and a moment for the network. */
const SILENT_MS = 2 * 15_000 + 2_000;

/** What reading a stream needs. */
export interface TaskStreamOptions {
  readonly client: RunnerClient;
  readonly slots: TaskSlots;
  /** Told of every message. */
  readonly onContact?: () => void;
  /** Told of a new token of the runner. */
  readonly onToken?: (token: string) => void;
  /** The token of the calls that are made now. @default one that never changes */
  readonly token?: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Why a stream ended: the runner stops, or has its tasks; the server said goodbye; it does not have the method, or does
 * not know the runner; nothing came for too long; the connection broke.
 */
export type StreamEnd =
  | { readonly kind: "stopped" | "enough" | "unimplemented" | "unregistered" | "silent" }
  | { readonly kind: "broken"; readonly error: unknown }
  | { readonly kind: "goaway"; readonly replaced: boolean; readonly reconnectAfterMs: number };

/** Opens a stream of tasks and takes what it brings, until it ends; tasks go on. */
export async function readTaskStream(
  options: TaskStreamOptions,
  { signal }: { signal: AbortSignal },
): Promise<StreamEnd> {
  const { client, slots, clock, onContact } = options;
  using watch = new Watch(clock, signal);
  const openedWith = options.token?.();
  try {
    watch.expect(FIRST_MS);
    const request = { capacity: slots.capacity, heldTaskIds: slots.held };
    for await (const { message } of client.stream.streamTasks(request, { signal: watch.signal })) {
      watch.expect(SILENT_MS);
      onContact?.();
      if (message.case === "goaway") return goodbye(message.value);
      obey(message, options);
      if (slots.enough) return { kind: "enough" };
    }
    return signal.aborted ? { kind: "stopped" } : { kind: "broken", error: new Error("the server ended the stream") };
  } catch (error) {
    if (signal.aborted) return { kind: "stopped" };
    if (watch.isSilent) return { kind: "silent" };
    const failure = classifyCallError(error);
    // Opened a moment before the token was replaced.
    if (failure === "unregistered" && options.token?.() !== openedWith) return REOPEN;
    return failure === "passing" ? { kind: "broken", error } : { kind: failure };
  }
}

const REOPEN: StreamEnd = { kind: "goaway", replaced: false, reconnectAfterMs: 0 };

function obey(message: StreamTasksResponse["message"], { slots, logger, onToken }: TaskStreamOptions): void {
  switch (message.case) {
    case "offer":
      if (message.value.task !== undefined) slots.take(message.value.task);
      break;
    case "cancel":
      slots.cancel(message.value.taskId);
      break;
    case "drain": {
      const { active, reason } = message.value;
      logger.info(
        { reason },
        active ? "the server gives this runner no new tasks for now" : "new tasks may come again",
      );
      break;
    }
    case "token":
      onToken?.(message.value.token);
      break;
    default:
      break;
  }
}

function goodbye({ reason, reconnectAfterMs }: GoAway): StreamEnd {
  return { kind: "goaway", replaced: reason === GoAway_Reason.REPLACED, reconnectAfterMs };
}

/** Aborts when another signal does, or when what is expected does not come. */
class Watch implements Disposable {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #onAbort = () => this.#controller.abort();
  #timer: Disposable | undefined;
  isSilent = false;

  constructor(clock: Clock, outer: AbortSignal) {
    this.#clock = clock;
    this.#outer = outer;
    outer.addEventListener("abort", this.#onAbort, { once: true });
    if (outer.aborted) this.#controller.abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expect(ms: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.timer(ms, () => {
      this.isSilent = true;
      this.#controller.abort();
    });
  }

  /** Also ends a stream that is still open. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#outer.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}
