import type { JsonValue } from "../../../src/lib/json.ts";
import type { EvaluationContext } from "../../../src/workflow/expressions/evaluation-context.ts";
import { fromJson } from "../../../src/workflow/expressions/value.ts";
import type { JobDefinition, Workflow } from "../../../src/workflow/model.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";

/** Contexts from plain JSON. */
export function contexts(values: Record<string, JsonValue>): EvaluationContext {
  return { contexts: new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)])) };
}

/** A workflow without errors. */
export function workflow(source: string): Workflow {
  const { workflow: parsed, diagnostics } = parseWorkflow(source);
  if (parsed === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return parsed;
}

/** The only, or the named, job of a workflow whose jobs are given by YAML. */
export function job(yaml: string, id = "a"): JobDefinition {
  const indented = yaml
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
  const found = workflow(`on: push\njobs:\n${indented}\n`).jobs.get(id);
  if (found === undefined) throw new Error(`no job ${id}`);
  return found;
}
