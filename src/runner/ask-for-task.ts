import type { CallOptions } from "@connectrpc/connect";
import { AppError } from "../lib/errors.ts";
import type { Task } from "../protocol/messages.ts";
import { classifyCallError, type RunnerClient } from "./client.ts";

/** What a runner asks for. */
export interface TaskWish {
  readonly tasksVersion: bigint;
  /** The job with this handle and no other; undefined: any. */
  readonly handle: string | undefined;
}

/**
 * One call for a task: FetchTask, or FetchSingleTask for the job with a handle.
 * @throws AppError invalid when the server does not know handles; whatever the call throws
 */
export async function askForTask(
  client: RunnerClient,
  { tasksVersion, handle }: TaskWish,
  options: CallOptions,
): Promise<{ readonly task?: Task | undefined; readonly tasksVersion: bigint }> {
  if (handle === undefined) return await client.runner.fetchTask({ tasksVersion }, options);
  try {
    return await client.runner.fetchSingleTask({ tasksVersion, handle }, options);
  } catch (error) {
    if (classifyCallError(error) !== "unimplemented") throw error;
    throw new AppError(
      "invalid",
      "the server does not give jobs by their handle (Forgejo 15 and newer do): leave --handle out",
      error,
    );
  }
}
