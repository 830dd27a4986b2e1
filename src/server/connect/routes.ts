import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { Logger } from "../../lib/logger.ts";
import { RunnerService, RunnerStatusService, TaskStreamService } from "../../protocol/messages.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import { runnerGate } from "./auth.ts";
import { toConnectError } from "./errors.ts";
import {
  LARGEST_CONNECT_LOG_REQUEST,
  LARGEST_REGISTRATION,
  LARGEST_REQUEST,
  LARGEST_STATUS,
} from "./message-limits.ts";
import { pingService } from "./ping-service.ts";
import { RunnerCalls } from "./runner-service.ts";
import { report } from "./runner-status-service.ts";
import { STREAM_HEADERS, streamTasks } from "./task-stream-service.ts";

/**
 * The routes of the runner protocol, to be mounted under `/api/actions` and at the root. The HTTP adapter sets
 * `remoteAddressKey` in its context values.
 */
export function runnerRoutes(deps: {
  readonly services: ProtocolServices;
  readonly log: Logger;
}): (router: ConnectRouter) => void {
  const { services, log } = deps;
  const calls = new RunnerCalls(services);
  const gate = runnerGate({ identity: services.identity, presence: services.presence, log }, false);
  const reportGate = runnerGate({ identity: services.identity, presence: services.presence, log }, true);
  const answer = async <T>(context: HandlerContext, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw toConnectError(error, log, context.method.name);
    }
  };
  const { method } = RunnerService;
  const readMaxBytes = LARGEST_REQUEST;
  return (router) => {
    pingService(router);
    router.rpc(method.register, (r, c) => answer(c, calls.register(r, c)), { readMaxBytes: LARGEST_REGISTRATION });
    router.rpc(method.declare, (r, c) => answer(c, calls.declare(r, c)), { readMaxBytes, requestGate: gate });
    router.rpc(method.fetchTask, (r, c) => answer(c, calls.fetchTask(r, c)), { readMaxBytes, requestGate: gate });
    router.rpc(method.fetchSingleTask, (r, c) => answer(c, calls.fetchSingleTask(r, c)), {
      readMaxBytes,
      requestGate: gate,
    });
    router.rpc(method.updateTask, (r, c) => answer(c, calls.updateTask(r, c)), {
      readMaxBytes,
      requestGate: reportGate,
    });
    router.rpc(method.updateLog, (r, c) => answer(c, calls.updateLog(r, c)), {
      readMaxBytes: LARGEST_CONNECT_LOG_REQUEST,
      requestGate: reportGate,
    });
    router.rpc(
      TaskStreamService.method.streamTasks,
      (r, c) => {
        for (const [name, value] of Object.entries(STREAM_HEADERS)) c.responseHeader.set(name, value);
        return streamTasks(services, log, r, c);
      },
      {
        ...{ readMaxBytes: LARGEST_STATUS, requestGate: gate },
      },
    );
    router.rpc(RunnerStatusService.method.report, (r, c) => answer(c, report(services, r, c)), {
      ...{ readMaxBytes: LARGEST_STATUS, requestGate: gate },
    });
  };
}
