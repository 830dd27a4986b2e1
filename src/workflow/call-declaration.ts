import type { Template, Workflow } from "./model.ts";
import { entriesOf, entry, literalOf } from "./template-entries.ts";

/** An input of `on.workflow_call.inputs`. */
export interface CallInput {
  readonly name: string;
  readonly type: "string" | "boolean" | "number";
  readonly required: boolean;
  /** Evaluated in the called workflow. */
  readonly default?: Template;
}

/** What a workflow asks of its callers and gives to them. */
export interface CallDeclaration {
  readonly inputs: readonly CallInput[];
  readonly secrets: readonly { readonly name: string; readonly required: boolean }[];
  /** Evaluated with the `jobs` context when the called jobs have ended. */
  readonly outputs: readonly { readonly name: string; readonly value: Template }[];
}

/** What `on.workflow_call` declares; undefined when the workflow cannot be called. */
export function callDeclaration(workflow: Pick<Workflow, "on">): CallDeclaration | undefined {
  if (!workflow.on.has("workflow_call")) return undefined;
  const config = workflow.on.get("workflow_call");
  return {
    inputs: entriesOf(entry(config, "inputs")).map(([name, definition]) => {
      const type = literalOf(entry(definition, "type"));
      const fallback = entry(definition, "default");
      return {
        name,
        type: type === "boolean" || type === "number" ? type : "string",
        required: literalOf(entry(definition, "required")) === true,
        ...(fallback === undefined ? {} : { default: fallback }),
      };
    }),
    secrets: entriesOf(entry(config, "secrets")).map(([name, definition]) => ({
      name,
      required: literalOf(entry(definition, "required")) === true,
    })),
    outputs: entriesOf(entry(config, "outputs")).flatMap(([name, definition]) => {
      const value = entry(definition, "value");
      return value === undefined ? [] : [{ name, value }];
    }),
  };
}
