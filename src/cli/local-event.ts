import type { Workflow } from "../workflow/model.ts";

/**
 * The event of a local run when none is named: for one file `workflow_dispatch` where it is declared, else its first
 * event, as `run` chooses; for a folder `push` where a file declares it, else the same of its first file.
 */
export function defaultEvent(workflows: readonly Workflow[]): string {
  if (workflows.length > 1 && workflows.some((workflow) => workflow.on.has("push"))) return "push";
  const dispatchable = workflows.find((workflow) => workflow.on.has("workflow_dispatch"));
  return dispatchable === undefined ? (workflows[0]?.on.keys().next().value ?? "push") : "workflow_dispatch";
}
