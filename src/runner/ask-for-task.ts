import type { CallOptions } from "@connectrpc/connect";
import { AppError } from "../lib/errors.ts";
import type { Task } from "../protocol/messages.ts";
import type { RunnerClient } from "./client.ts";

/** What a runner asks for. */
export interface TaskWish {
  readonly tasksVersion: bigint;
  /** The job with this handle and no other; undefined: any. */
  readonly handle: string | undefined;
}

/**
 * One call for a task: FetchTask, the only one that the server's protocol has so far; by handle it would be
 * FetchSingleTask.
 * @throws AppError invalid for a handle; whatever the call throws
 */
export async function askForTask(
  client: RunnerClient,
  { tasksVersion, handle }: TaskWish,
  options: CallOptions,
): Promise<{ readonly task?: Task | undefined; readonly tasksVersion: bigint }> {
  if (handle !== undefined) {
    throw new AppError(
      "invalid",
      "a job cannot be chosen by its handle yet: leave --handle out, and make the credential for that job",
    );
  }
  return await client.runner.fetchTask({ tasksVersion }, options);
}
