import type { Logger } from "../../lib/logger.ts";
import { RunnerService, TaskStreamService } from "../../protocol/messages.ts";
import type { LogBatch } from "../services/append-log.ts";
import { BoundedQueue } from "../services/bounded-queue.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import { callingRunner, runnerGate } from "./auth.ts";
import { directStream } from "./direct-stream.ts";
import { type DirectCall, directUnary } from "./direct-unary.ts";
import { LARGEST_LOG_REQUEST, LARGEST_REQUEST, LARGEST_STATUS } from "./message-limits.ts";
import { readMessage } from "./read-message.ts";
import { RunnerCalls } from "./runner-service.ts";
import { storeLogUpload } from "./store-log-upload.ts";
import { STREAM_HEADERS, streamTasks } from "./task-stream-service.ts";

/** Pieces of long messages with log rows that are stored at the same time; the others wait in their sockets. */
const LOG_PIECES = 32;

/** The calls that a fleet makes all the time, by path, for `mountRunnerProtocol` to serve without Connect's own handler. */
export function directRunnerCalls(deps: {
  readonly services: ProtocolServices;
  readonly log: Logger;
}): ReadonlyMap<string, DirectCall> {
  const { services, log } = deps;
  const calls = new RunnerCalls(services);
  const gate = runnerGate({ ...services, log }, false);
  const reportGate = runnerGate({ ...services, log }, true);
  const { fetchTask, updateTask, updateLog } = RunnerService.method;
  const path = (name: string) => `/${RunnerService.typeName}/${name}`;
  const { streamTasks: stream } = TaskStreamService.method;
  const pieces = new BoundedQueue(LOG_PIECES, Number.POSITIVE_INFINITY);
  return new Map([
    [
      `/${TaskStreamService.typeName}/${stream.name}`,
      directStream(
        {
          ...{ method: stream, readMaxBytes: LARGEST_STATUS, headers: STREAM_HEADERS, gate },
          answer: (request, context) => streamTasks(services, log, request, context),
        },
        log,
      ),
    ],
    [
      path(fetchTask.name),
      directUnary(
        {
          method: fetchTask,
          gate,
          answer: async (body, context) =>
            await calls.fetchTask(await readMessage(body, fetchTask.input, LARGEST_REQUEST), context),
        },
        log,
      ),
    ],
    [
      path(updateTask.name),
      directUnary(
        {
          method: updateTask,
          gate: reportGate,
          answer: async (body, context) =>
            await calls.updateTask(await readMessage(body, updateTask.input, LARGEST_REQUEST), context),
        },
        log,
      ),
    ],
    [
      path(updateLog.name),
      directUnary(
        {
          method: updateLog,
          gate: reportGate,
          answer: async (body, context) => {
            const append = (batch: LogBatch) => services.appendLog.append(callingRunner(context).id, batch);
            const acked = await storeLogUpload(body, { append, pieces, maxBytes: LARGEST_LOG_REQUEST });
            return { ackIndex: BigInt(acked) };
          },
        },
        log,
      ),
    ],
  ]);
}
