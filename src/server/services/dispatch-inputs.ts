import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import { nearestName } from "../../lib/nearest-name.ts";
import type { Template, Workflow } from "../../workflow/model.ts";

/** An input that `on.workflow_dispatch.inputs` declares. */
interface DeclaredInput {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: JsonValue;
  readonly options: readonly string[];
}

/** Values of the inputs of a dispatch: as text for `github.event.inputs`, with their types for `inputs`. */
export interface DispatchInputs {
  readonly texts: { readonly [name: string]: string };
  readonly typed: { readonly [name: string]: JsonValue };
}

/**
 * Checks what was given against what the workflow declares for `workflow_dispatch` and fills in defaults.
 * @throws AppError invalid on an unknown input, a missing one that is required, or a value of the wrong type or choice
 */
export function checkDispatchInputs(workflow: Workflow, given: { readonly [name: string]: JsonValue }): DispatchInputs {
  const declared = declaredInputs(workflow);
  const byName = new Map(declared.map((input) => [input.name.toLowerCase(), input]));
  const values = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(given)) {
    const input = byName.get(name.toLowerCase());
    if (input === undefined) throw unknownInput(name, declared);
    values.set(input.name, value);
  }
  const texts: Record<string, string> = {};
  const typed: Record<string, JsonValue> = {};
  for (const input of declared) {
    const value = values.get(input.name) ?? null;
    if (value === null || (value === "" && input.required)) {
      if (input.required && input.default === null) throw new AppError("invalid", `input ${input.name} is required`);
    }
    const checked = checkValue(input, value ?? input.default);
    texts[input.name] = String(checked);
    typed[input.name] = checked;
  }
  return { texts, typed };
}

/** The `inputs` context of a run that exists, from the texts in its event. Inputs of the workflow that the event lacks are left out. */
export function inputsOfEvent(
  workflow: Workflow,
  event: string,
  payload: { readonly [key: string]: JsonValue },
): { readonly [name: string]: JsonValue } {
  const given = payload["inputs"];
  if (event !== "workflow_dispatch" || given === null || typeof given !== "object" || Array.isArray(given)) return {};
  const typed: Record<string, JsonValue> = {};
  for (const input of declaredInputs(workflow)) {
    const value = given[input.name];
    if (value !== undefined) typed[input.name] = checkValue(input, value);
  }
  return typed;
}

function unknownInput(name: string, declared: readonly DeclaredInput[]): AppError {
  const names = declared.map((input) => input.name);
  const nearest = nearestName(name, names);
  const known = names.length === 0 ? "it declares no inputs" : `it declares ${names.join(", ")}`;
  const hint = nearest === undefined ? known : `did you mean ${nearest}?`;
  return new AppError("invalid", `the workflow has no input ${name}; ${hint}`);
}

/** The value in its type; text where the type is text. */
function checkValue(input: DeclaredInput, value: JsonValue): string | boolean | number {
  if (value !== null && typeof value === "object") {
    throw new AppError("invalid", `input ${input.name} must be text, not a list or a mapping`);
  }
  const text = value === null ? "" : String(value);
  switch (input.type) {
    case "boolean":
      if (text === "true") return true;
      if (text === "false" || text === "") return false;
      throw new AppError("invalid", `input ${input.name} must be true or false, not "${text}"`);
    case "number": {
      const number = Number(text);
      if (text.trim() === "") return value === null ? 0 : badNumber(input, text);
      return Number.isFinite(number) ? number : badNumber(input, text);
    }
    case "choice":
      if (input.options.includes(text) || (text === "" && !input.required)) return text;
      throw new AppError("invalid", `input ${input.name} must be one of ${input.options.join(", ")}, not "${text}"`);
    default:
      return text;
  }
}

function badNumber(input: DeclaredInput, text: string): never {
  throw new AppError("invalid", `input ${input.name} must be a number, not "${text}"`);
}

function declaredInputs(workflow: Workflow): DeclaredInput[] {
  const trigger = workflow.on.get("workflow_dispatch");
  const inputs = trigger === undefined || trigger === null ? null : mappingOf(dataOf(trigger))["inputs"];
  return Object.entries(mappingOf(inputs ?? null)).map(([name, raw]) => {
    const input = mappingOf(raw);
    const options = input["options"];
    const type = input["type"];
    return {
      name,
      type: typeof type === "string" ? type : "string",
      required: input["required"] === true,
      default: input["default"] ?? null,
      options: Array.isArray(options) ? options.map(String) : [],
    };
  });
}

function mappingOf(value: JsonValue): { [key: string]: JsonValue } {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** A template without expressions as data; an expression, which triggers do not allow, becomes null. */
function dataOf(template: Template): JsonValue {
  switch (template.kind) {
    case "literal":
      return template.value;
    case "sequence":
      return template.items.map(dataOf);
    case "mapping":
      return Object.fromEntries(
        template.entries.flatMap(({ key, value }) =>
          key.kind === "literal" ? [[String(key.value), dataOf(value)] as const] : [],
        ),
      );
    default:
      return null;
  }
}
