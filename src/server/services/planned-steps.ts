import type { Step, Template } from "../../workflow/model.ts";
import type { TaskStep } from "../domain/task.ts";

const LONGEST_NAME = 255;

/** The steps of a task before anything ran, named as GitHub shows them; expressions stay as written. */
export function plannedSteps(steps: readonly Step[]): readonly TaskStep[] {
  return steps.map((step, index) => ({
    index,
    name: stepName(step).slice(0, LONGEST_NAME),
    status: "waiting" as const,
    logIndex: 0,
    logLength: 0,
    startedAt: null,
    stoppedAt: null,
    ...(isDecisive(step) ? { decisive: true as const } : {}),
  }));
}

/** Whether its failure is the job's; with an expression in `continue-on-error` only the runner knows. */
function isDecisive({ continueOnError }: Step): boolean {
  return continueOnError === undefined || literal(continueOnError) === "false";
}

function stepName(step: Step): string {
  const name = literal(step.name);
  if (name !== "") return name;
  if (step.uses !== undefined) return `Run ${step.uses}`;
  const [line = ""] = literal(step.run).trimStart().split("\n", 1);
  return line === "" ? (step.id ?? `Step ${step.index + 1}`) : `Run ${line.trimEnd()}`;
}

/** The text of a template as far as it is known before the job runs. */
function literal(template: Template | undefined): string {
  if (template?.kind === "literal") return template.value === null ? "" : String(template.value);
  if (template?.kind !== "text") return "";
  return template.parts.map((part) => (typeof part === "string" ? part : `\${{ ${part.source.trim()} }}`)).join("");
}
