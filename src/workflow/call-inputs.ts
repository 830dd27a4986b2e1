import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import type { CallDeclaration, CallInput } from "./call-declaration.ts";
import { evaluateTemplate } from "./evaluate-template.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import { ExprArray, ExprObject, type ExprValue, foldCase, toText } from "./expressions/value.ts";
import type { MappingTemplate } from "./model.ts";

/** The contexts that inputs are evaluated with. */
export interface CallInputContexts {
  /** Of the calling job: for the values. */
  readonly caller: EvaluationContext;
  /** Of the called workflow: for the defaults. */
  readonly called: EvaluationContext;
}

/**
 * The `inputs` of a called workflow: what `with` gives, in the declared types, and the defaults.
 * @throws AppError invalid for an unknown input, a missing one that is required, a value of another type, and for
 *   expressions that cannot be evaluated
 */
export function callInputs(
  declaration: CallDeclaration,
  given: MappingTemplate | undefined,
  contexts: CallInputContexts,
): { readonly [name: string]: JsonValue } {
  const values = given === undefined ? new Map<string, ExprValue>() : valuesOf(given, contexts.caller);
  const declared = new Map(declaration.inputs.map((input) => [foldCase(input.name), input]));
  for (const name of values.keys()) {
    if (!declared.has(foldCase(name))) throw new AppError("invalid", unknownInput(name, declaration));
  }
  const folded = new Map([...values].map(([name, value]) => [foldCase(name), value]));
  return Object.fromEntries(
    declaration.inputs.map((input) => {
      const value = folded.get(foldCase(input.name));
      if (value !== undefined) return [input.name, typedInput(input, value)];
      if (input.required) throw new AppError("invalid", missingInput(input.name));
      if (input.default === undefined) return [input.name, EMPTY[input.type]];
      return [input.name, typedInput(input, evaluateTemplate(input.default, contexts.called))];
    }),
  );
}

const EMPTY = { string: "", boolean: false, number: 0 } as const;

/**
 * A value in the type of its input. The texts "true", "false" and those of numbers are taken for what they say.
 * @throws AppError invalid when it is of another type
 */
export function typedInput({ name, type }: CallInput, value: ExprValue): string | boolean | number {
  if (value instanceof ExprObject || value instanceof ExprArray) {
    const kind = value instanceof ExprObject ? "a mapping" : "a sequence";
    throw new AppError("invalid", `Input ${name} takes a ${type}, not ${kind}; use toJSON() to pass it as a string`);
  }
  const text = toText(value);
  if (type === "string") return text;
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "number" && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  throw new AppError("invalid", `Unexpected value '${text}': input ${name} takes a ${type}`);
}

/** The sentence for an input that nobody declared. */
export function unknownInput(name: string, { inputs }: CallDeclaration): string {
  const known =
    inputs.length === 0 ? "it declares none" : `it declares ${inputs.map((input) => input.name).join(", ")}`;
  return `Invalid input, ${name} is not defined in the referenced workflow; ${known}`;
}

/** The sentence for an input that is missing. */
export function missingInput(name: string): string {
  return `Input ${name} is required, but not provided while calling; add it to 'with'`;
}

function valuesOf(given: MappingTemplate, context: EvaluationContext): ReadonlyMap<string, ExprValue> {
  const value = evaluateTemplate(given, context);
  if (value === null) return new Map();
  if (value instanceof ExprObject) return new Map(value.entries());
  throw new AppError("invalid", "'with' has to be a mapping of inputs to values");
}
