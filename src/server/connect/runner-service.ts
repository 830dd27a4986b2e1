import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { AppError } from "../../lib/errors.ts";
import {
  DESCRIPTION_HEADER,
  JOB_SUMMARY_CAPABILITY,
  PREFER_HEADER,
  REQUEST_KEY_HEADER,
  SERVER_CAPABILITIES_HEADER,
  SERVER_HEADER,
} from "../../protocol/headers.ts";
import type {
  DeclareRequest,
  DeclareResponseSchema,
  FetchSingleTaskRequest,
  FetchSingleTaskResponseSchema,
  FetchTaskRequest,
  FetchTaskResponseSchema,
  RegisterRequest,
  RegisterResponseSchema,
  StepState,
  TaskSchema,
  UpdateLogRequest,
  UpdateLogResponseSchema,
  UpdateTaskRequest,
  UpdateTaskResponseSchema,
} from "../../protocol/messages.ts";
import { packRows } from "../domain/log-rows-builder.ts";
import { checkedRequestKey, type Fetch } from "../services/assign-task.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import type { TaskPayload } from "../services/task-payload.ts";
import type { ReportedStep } from "../services/update-task.ts";
import { callingRunner } from "./auth.ts";
import type { CallContext } from "./call-context.ts";
import { remoteAddressKey } from "./remote-address.ts";
import { fromResult, toResult } from "./results.ts";
import { runnerMessage } from "./runner-message.ts";
import { taskMessage } from "./task-message.ts";
import { toCount, toMillis } from "./wire-numbers.ts";

/** The calls of runner.v1.RunnerService: message → plain values, one service, plain values → message. */
export class RunnerCalls {
  readonly #services: ProtocolServices;

  constructor(services: ProtocolServices) {
    this.#services = services;
  }

  /** Makes a runner by registration token. */
  async register(
    request: RegisterRequest,
    context: HandlerContext,
  ): Promise<MessageInitShape<typeof RegisterResponseSchema>> {
    const { runner, token } = await this.#services.registerRunner.register(
      { ...request, description: describedAs(context.requestHeader.get(DESCRIPTION_HEADER)) },
      context.values.get(remoteAddressKey),
    );
    return { runner: runnerMessage(runner, token) };
  }

  /** Takes version, labels and capabilities. */
  async declare(
    request: DeclareRequest,
    context: HandlerContext,
  ): Promise<MessageInitShape<typeof DeclareResponseSchema>> {
    const runner = await this.#services.declareRunner.declare(callingRunner(context), request);
    context.responseHeader.set(SERVER_CAPABILITIES_HEADER, JOB_SUMMARY_CAPABILITY);
    context.responseHeader.set(SERVER_HEADER, this.#services.serverVersion);
    return { runner: runnerMessage(runner) };
  }

  /** Gives the next task, waiting for one until shortly before the caller's deadline; and more, if the caller has room. */
  async fetchTask(
    { taskCapacity }: FetchTaskRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof FetchTaskResponseSchema>> {
    const runner = callingRunner(context);
    const { assignTask } = this.#services;
    const call = fetchOf(context);
    const { payload, tasksVersion } = await assignTask.fetch(runner, call);
    const more = payload === undefined ? [] : await assignTask.more(runner, call, Number(taskCapacity ?? 1n));
    const [task, ...additionalTasks] = await this.#handOut(context, payload === undefined ? [] : [payload, ...more]);
    return { tasksVersion: BigInt(tasksVersion), ...(task === undefined ? {} : { task, additionalTasks }) };
  }

  /** Gives one task: the next, as `fetchTask`, or that of the job with the handle. */
  async fetchSingleTask(
    { handle = "" }: FetchSingleTaskRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof FetchSingleTaskResponseSchema>> {
    const runner = callingRunner(context);
    const { assignTask } = this.#services;
    const call = fetchOf(context);
    const { payload, tasksVersion } =
      handle === "" ? await assignTask.fetch(runner, call) : await assignTask.fetchByHandle(runner, handle, call);
    const [task] = await this.#handOut(context, payload === undefined ? [] : [payload]);
    return { tasksVersion: BigInt(tasksVersion), ...(task === undefined ? {} : { task }) };
  }

  /** The messages for these tasks. @throws AppError cancelled when the caller is gone; the jobs then wait again */
  async #handOut(
    context: CallContext,
    payloads: readonly TaskPayload[],
  ): Promise<readonly MessageInitShape<typeof TaskSchema>[]> {
    // A parked call was contact all the time.
    this.#services.presence.stamp(callingRunner(context).id, false);
    if (payloads.length === 0 || !context.signal.aborted) return payloads.map((payload) => taskMessage(payload));
    for (const { id } of payloads) await this.#services.assignTask.giveBack(id);
    throw new AppError("cancelled", "the caller went away before it was given the task");
  }

  /** Takes a report on a task. */
  async updateTask(
    request: UpdateTaskRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof UpdateTaskResponseSchema>> {
    const { state, outputs } = request;
    if (state === undefined) throw new AppError("invalid", "the request has no state; send the state of the task");
    const { result, sentOutputs } = await this.#services.updateTask.report(callingRunner(context).id, {
      taskId: toCount(state.id, "state.id"),
      result: fromResult(state.result),
      steps: state.steps.map(reportedStep),
      outputs,
    });
    return { state: { id: state.id, result: toResult(result) }, sentOutputs: [...sentOutputs] };
  }

  /** Takes log rows. */
  async updateLog(
    request: UpdateLogRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof UpdateLogResponseSchema>> {
    const ackIndex = await this.#services.appendLog.append(callingRunner(context).id, {
      taskId: toCount(request.taskId, "task_id"),
      index: toCount(request.index, "index"),
      rows: packRows(request.rows.map(({ time, content }) => ({ time: toMillis(time) ?? 0, content }))),
      noMore: request.noMore,
    });
    return { ackIndex: BigInt(ackIndex) };
  }
}

/** `wait=SECONDS` of a Prefer header (RFC 7240 §4.3), in milliseconds. */
function preferredWaitMs(header: string | null): number | undefined {
  const found = /(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:$|[,;])/i.exec(header ?? "");
  return found === null ? undefined : Number(found[1]) * 1000;
}

function fetchOf(context: CallContext): Fetch {
  return {
    timeoutMs: context.timeoutMs(),
    waitMs: preferredWaitMs(context.requestHeader.get(PREFER_HEADER)),
    requestKey: checkedRequestKey(context.requestHeader.get(REQUEST_KEY_HEADER)),
    signal: context.signal,
  };
}

/** The description header's text; what is not percent-encoded UTF-8 is taken as it is. */
function describedAs(header: string | null): string {
  try {
    return decodeURIComponent(header ?? "");
  } catch {
    return header ?? "";
  }
}

function reportedStep(step: StepState): ReportedStep {
  return {
    index: toCount(step.id, "step.id"),
    result: fromResult(step.result),
    logIndex: toCount(step.logIndex, "step.log_index"),
    logLength: toCount(step.logLength, "step.log_length"),
    startedAt: toMillis(step.startedAt),
    stoppedAt: toMillis(step.stoppedAt),
  };
}
