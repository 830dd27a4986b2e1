import type { JsonValue } from "../lib/json.ts";
import type { Workflow } from "../workflow/model.ts";
import { entriesOf, entry, literalOf } from "../workflow/template-entries.ts";

/** Events whose inputs the workflow declares, with the type of each. */
const INPUT_EVENTS: ReadonlySet<string> = new Set(["workflow_dispatch", "workflow_call"]);

/**
 * The `inputs` context of a job: `event.inputs`, if the workflow declares inputs for this event. The event holds texts;
 * inputs declared as boolean or number become what they say.
 */
export function taskInputs(
  workflow: Workflow,
  eventName: string,
  eventInputs: JsonValue | undefined,
): Record<string, JsonValue> {
  if (!INPUT_EVENTS.has(eventName)) return {};
  const declared = entriesOf(entry(workflow.on.get(eventName), "inputs"));
  const given =
    typeof eventInputs === "object" && eventInputs !== null && !Array.isArray(eventInputs) ? eventInputs : {};
  return Object.fromEntries(
    declared.map(([name, definition]) => {
      const fallback = literalOf(entry(definition, "default"));
      const value = Object.hasOwn(given, name) ? (given[name] as JsonValue) : fallback;
      return [name, typed(value ?? null, literalOf(entry(definition, "type")))];
    }),
  );
}

function typed(value: JsonValue, type: JsonValue | undefined): JsonValue {
  if (type === "boolean") return value === true || value === "true";
  if (type === "number" && typeof value === "string" && value.trim() !== "") return Number(value);
  return value === null && type !== "number" ? "" : value;
}
