import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { Repository } from "../domain/account.ts";

/**
 * The event a run is made for: the one asked for, if the workflow runs on it; otherwise `workflow_dispatch` where it
 * is declared, else the first declared one.
 * @throws AppError invalid when the workflow does not run on the event asked for
 */
export function chooseEvent(workflow: Workflow, path: string, wanted: string | undefined): string {
  const declared = [...workflow.on.keys()];
  if (wanted !== undefined && !workflow.on.has(wanted)) {
    throw new AppError("invalid", `${path} does not run on ${wanted}; it runs on ${declared.join(", ")}`);
  }
  const chosen = wanted ?? (workflow.on.has("workflow_dispatch") ? "workflow_dispatch" : declared[0]);
  if (chosen === undefined)
    throw new AppError("invalid", `${path} declares no event below "on"; add workflow_dispatch`);
  return chosen;
}

/** What the payload is made of. */
export interface EventInput {
  readonly event: string;
  readonly repository: Repository;
  readonly ref: string;
  readonly sha: string;
  readonly workflowPath: string;
  readonly actorName: string;
  readonly inputs: { readonly [name: string]: string };
  readonly publicUrl: string;
}

/** The `github.event` object, in the shape Gitea sends for the same event. */
export function eventPayload(input: EventInput): { [key: string]: JsonValue } {
  const { repository, publicUrl } = input;
  const fullName = `${repository.ownerName}/${repository.name}`;
  const common = {
    ref: input.ref,
    repository: {
      id: repository.id,
      name: repository.name,
      full_name: fullName,
      owner: { login: repository.ownerName },
      default_branch: repository.defaultBranch,
      html_url: `${publicUrl}/${fullName}`,
      clone_url: `${publicUrl}/${fullName}.git`,
    },
    sender: { login: input.actorName },
  };
  if (input.event === "workflow_dispatch")
    return { ...common, workflow: input.workflowPath, inputs: { ...input.inputs } };
  return { ...common, after: input.sha };
}
