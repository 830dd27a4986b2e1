import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { GoAway_Reason, type StreamTasksRequest, type StreamTasksResponseSchema } from "../../protocol/messages.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import type { GoAwayReason, StreamEvent } from "../services/task-stream.ts";
import { callingRunner } from "./auth.ts";
import type { CallContext } from "./call-context.ts";
import { toConnectError } from "./errors.ts";
import { taskMessage } from "./task-message.ts";
import { toTaskIds } from "./wire-numbers.ts";

const MOST_CAPACITY = 10_000;
/** After a shutdown another replica is there at once, and the same server in a few seconds. */
const RECONNECT_AFTER_MS = 1_000;

/** nginx holds an answer back until it has a buffer full, unless it is told not to; others look at the cache header. */
export const STREAM_HEADERS = { "x-accel-buffering": "no", "cache-control": "no-cache, no-transform" } as const;

/** StreamTasks: one service, and each of its events as a message. */
export async function* streamTasks(
  services: Pick<ProtocolServices, "taskStreams">,
  log: Logger,
  request: StreamTasksRequest,
  context: CallContext,
): AsyncGenerator<MessageInitShape<typeof StreamTasksResponseSchema>> {
  try {
    const { capacity } = request;
    if (capacity < 1 || capacity > MOST_CAPACITY) {
      throw new AppError("invalid", `capacity must be from 1 to ${MOST_CAPACITY}; ${capacity} is not`);
    }
    const heldTaskIds = toTaskIds(request.heldTaskIds, "held_task_ids");
    const runner = callingRunner(context);
    const events = services.taskStreams.open(runner, { capacity, heldTaskIds }, { signal: context.signal });
    for await (const event of events) yield eventMessage(event);
  } catch (error) {
    throw toConnectError(error, log, context.method.name);
  }
}

function eventMessage(event: StreamEvent): MessageInitShape<typeof StreamTasksResponseSchema> {
  switch (event.kind) {
    case "offer": {
      const { payload, tasksVersion } = event;
      const value = { task: taskMessage(payload), tasksVersion: BigInt(tasksVersion) };
      return { message: { case: "offer", value } };
    }
    case "cancel":
      return { message: { case: "cancel", value: { taskId: BigInt(event.taskId), ended: event.ended } } };
    case "drain": {
      const reason = event.active ? "the runner was disabled on the server" : "";
      return { message: { case: "drain", value: { active: event.active, reason } } };
    }
    case "token": {
      const value = { token: event.token, oldExpiresAt: timestampFromMs(event.oldUntil) };
      return { message: { case: "token", value } };
    }
    case "goaway": {
      const reconnectAfterMs = event.reason === "shutdown" ? RECONNECT_AFTER_MS : 0;
      return { message: { case: "goaway", value: { reason: REASONS[event.reason], reconnectAfterMs } } };
    }
    case "keep-alive":
      return { message: { case: "keepAlive", value: {} } };
  }
}

const REASONS: Readonly<Record<GoAwayReason, GoAway_Reason>> = {
  shutdown: GoAway_Reason.SHUTDOWN,
  replaced: GoAway_Reason.REPLACED,
  silent: GoAway_Reason.SILENT,
};
