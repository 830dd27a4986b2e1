import type { Logger } from "../../lib/logger.ts";
import { RunnerService } from "../../protocol/messages.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import { runnerGate } from "./auth.ts";
import { type DirectUnary, directUnary } from "./direct-unary.ts";
import { LARGEST_LOG_REQUEST, LARGEST_REQUEST } from "./message-limits.ts";
import { RunnerCalls } from "./runner-service.ts";

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
  return new Map([
    [
      path(fetchTask.name),
      directUnary(
        { method: fetchTask, gate, readMaxBytes: LARGEST_REQUEST, answer: (_, c) => calls.fetchTask(c) },
        log,
      ),
    ],
    [
      path(updateTask.name),
      directUnary(
        {
          method: updateTask,
          gate: reportGate,
          readMaxBytes: LARGEST_REQUEST,
          answer: (r, c) => calls.updateTask(r, c),
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
          readMaxBytes: LARGEST_LOG_REQUEST,
          answer: (r, c) => calls.updateLog(r, c),
        },
        log,
      ),
    ],
  ]);
}
