import { type RunnerParts, runTasks } from "./daemon.ts";
import type { Outcome } from "./engine/job-event.ts";

/** One task for a runner without a file; what an autoscaler starts in a machine of its own. */
export interface RunOnceOptions extends RunnerParts {
  readonly address: string;
  readonly uuid: string;
  readonly token: string;
  readonly name: string;
  readonly labels: readonly string[];
  /** Wait until there is a task. @default false */
  readonly wait?: boolean;
  /** Take the job with this handle and no other (Forgejo). @default any */
  readonly handle?: string;
}

/** What came of it. */
export type RunOnceEnd =
  | { readonly kind: "task"; readonly result: Outcome }
  | { readonly kind: "no-task" }
  | { readonly kind: "stopped" | "unregistered" };

/** Runs one task and ends. @throws AppError unauthenticated when the server does not know the runner */
export async function runOnce(options: RunOnceOptions): Promise<RunOnceEnd> {
  const { address, uuid, token, name, labels } = options;
  const identity = { id: 0, uuid, name, token, address, labels, ephemeral: true };
  const { end, lastResult } = await runTasks(identity, options, {
    ...{ maxTasks: 1, onlyNow: options.wait !== true },
    ...(options.handle === undefined ? {} : { handle: options.handle }),
  });
  if (lastResult !== undefined) return { kind: "task", result: lastResult };
  return { kind: end === "enough" ? "stopped" : end };
}
