import type { CallOptions } from "@connectrpc/connect";
import { AppError } from "../lib/errors.ts";
import type { Task } from "../protocol/messages.ts";
import { classifyCallError } from "./call-failure.ts";
import type { RunnerClient } from "./client.ts";

/** What a runner asks for. */
export interface TaskWish {
  readonly tasksVersion: bigint;
  /** The job with this handle and no other; undefined: any. */
  readonly handle: string | undefined;
  /** So many tasks can begin now. Forgejo and our server then give more than one; Gitea does not know the field. */
  readonly room: number;
}

/**
 * One call for tasks: FetchTask, or FetchSingleTask for the job with a handle.
 * @returns all tasks of the answer: the server believes that each of them runs
 * @throws AppError invalid when the server does not know handles; whatever the call throws
 */
export async function askForTasks(
  client: RunnerClient,
  { tasksVersion, handle, room }: TaskWish,
  options: CallOptions,
): Promise<{ readonly tasks: readonly Task[]; readonly tasksVersion: bigint }> {
  if (handle === undefined) {
    const wish = { tasksVersion, taskCapacity: BigInt(room) };
    const { task, additionalTasks, ...rest } = await client.runner.fetchTask(wish, options);
    return { ...rest, tasks: [...(task === undefined ? [] : [task]), ...additionalTasks] };
  }
  try {
    const { task, ...rest } = await client.runner.fetchSingleTask({ tasksVersion, handle }, options);
    return { ...rest, tasks: task === undefined ? [] : [task] };
  } catch (error) {
    if (classifyCallError(error) !== "unimplemented") throw error;
    throw new AppError(
      "invalid",
      "the server does not give jobs by their handle (Forgejo 15 and newer do): leave --handle out",
      error,
    );
  }
}
