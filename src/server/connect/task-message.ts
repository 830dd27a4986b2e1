import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import type { TaskNeedSchema } from "../../protocol/messages.ts";
import { type Task, TaskSchema } from "../../protocol/messages.ts";
import type { TaskPayload } from "../services/task-payload.ts";
import { toResult } from "./results.ts";

/** A task on the wire. */
export function taskMessage(payload: TaskPayload): Task {
  const needs: Record<string, MessageInitShape<typeof TaskNeedSchema>> = {};
  for (const [job, { outputs, result }] of Object.entries(payload.needs)) {
    needs[job] = { outputs: { ...outputs }, result: toResult(result) };
  }
  return create(TaskSchema, {
    id: BigInt(payload.id),
    workflowPayload: new TextEncoder().encode(payload.workflow),
    context: payload.context as JsonObject,
    secrets: { ...payload.secrets },
    vars: { ...payload.vars },
    needs,
  });
}
