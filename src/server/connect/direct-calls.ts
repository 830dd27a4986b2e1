import type { Logger } from "../../lib/logger.ts";
import { RunnerService } from "../../protocol/messages.ts";
import type { LogBatch } from "../services/append-log.ts";
import { BoundedQueue } from "../services/bounded-queue.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import { callingRunner, runnerGate } from "./auth.ts";
import { type DirectUnary, directUnary } from "./direct-unary.ts";
import { LARGEST_LOG_REQUEST, LARGEST_REQUEST } from "./message-limits.ts";
import { readMessage } from "./read-message.ts";
import { RunnerCalls } from "./runner-service.ts";
import { storeLogUpload } from "./store-log-upload.ts";

/** Pieces of long messages with log rows that are stored at the same time; the others wait in their sockets. */
const LOG_PIECES = 32;

/** The calls that a fleet makes all the time, by path, for `mountRunnerProtocol` to serve without Connect's own handler. */
export function directRunnerCalls(deps: {
  readonly services: ProtocolServices;
  readonly log: Logger;
}): ReadonlyMap<string, DirectUnary> {
  const { services, log } = deps;
  const calls = new RunnerCalls(services);
  const gate = runnerGate({ ...services, log }, false);
  const reportGate = runnerGate({ ...services, log }, true);
  const { fetchTask, updateTask, updateLog } = RunnerService.method;
  const path = (name: string) => `/${RunnerService.typeName}/${name}`;
  const pieces = new BoundedQueue(LOG_PIECES, Number.POSITIVE_INFINITY);
  return new Map([
    [
      path(fetchTask.name),
      directUnary(
        {
          method: fetchTask,
          gate,
          answer: async (body, context) => {
            await readMessage(body, fetchTask.input, LARGEST_REQUEST);
            return await calls.fetchTask(context);
          },
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
