import { AppError } from "../lib/errors.ts";
import { type CallDeclaration, callDeclaration } from "./call-declaration.ts";
import { missingInput, typedInput, unknownInput } from "./call-inputs.ts";
import type { Diagnostic, Range } from "./diagnostic.ts";
import { foldCase, toText } from "./expressions/value.ts";
import type { JobDefinition, MappingEntry, Template, Workflow } from "./model.ts";

/** What is wrong with a call as far as it stands in the files; expressions are checked when they are evaluated. */
export function checkCall(job: JobDefinition, called: Workflow): Diagnostic[] {
  const place = job.usesRange ?? job.range;
  const declaration = callDeclaration(called);
  if (declaration === undefined) {
    return [error("not-reusable", `The workflow ${job.uses} cannot be called; give it 'on: workflow_call'`, place)];
  }
  return [...checkInputs(job.with, declaration, place), ...checkSecrets(job.secrets, declaration, place)];
}

function checkInputs(given: Template | undefined, declaration: CallDeclaration, place: Range): Diagnostic[] {
  const entries = literalEntries(given);
  if (entries === undefined) return [];
  const found: Diagnostic[] = [];
  const declared = new Map(declaration.inputs.map((input) => [foldCase(input.name), input]));
  for (const { name, value } of entries) {
    const input = declared.get(foldCase(name));
    if (input === undefined) found.push(error("unknown-input", unknownInput(name, declaration), value.range));
    else if (value.kind === "literal") {
      const problem = sentence(() => typedInput(input, value.value));
      if (problem !== undefined) found.push(error("bad-input", problem, value.range));
    }
  }
  for (const { name, required } of declaration.inputs) {
    if (required && !has(entries, name)) found.push(error("missing-input", missingInput(name), place));
  }
  return found;
}

function checkSecrets(given: Template | undefined, { secrets }: CallDeclaration, place: Range): Diagnostic[] {
  if (given?.kind === "literal" && given.value === "inherit") return [];
  const entries = literalEntries(given);
  if (entries === undefined) return [];
  const found = entries
    .filter(({ name }) => !secrets.some((secret) => foldCase(secret.name) === foldCase(name)))
    .map(({ name, value }) => {
      const message = `Invalid secret, ${name} is not defined in the referenced workflow; remove it or declare it there`;
      return error("unknown-secret", message, value.range);
    });
  for (const { name, required } of secrets) {
    if (!required || has(entries, name)) continue;
    const message = `Secret ${name} is required, but not provided while calling; add it to 'secrets' or inherit them`;
    found.push(error("missing-secret", message, place));
  }
  return found;
}

/** The entries of a mapping; undefined where an expression or `insert` could give any. */
function literalEntries(given: Template | undefined): { name: string; value: Template }[] | undefined {
  if (given === undefined) return [];
  if (given.kind !== "mapping") return undefined;
  const literal = ({ key, value }: MappingEntry) =>
    key.kind === "literal" ? [{ name: toText(key.value), value }] : [];
  const entries = given.entries.flatMap(literal);
  return entries.length === given.entries.length ? entries : undefined;
}

function has(entries: readonly { readonly name: string }[], name: string): boolean {
  return entries.some((entry) => foldCase(entry.name) === foldCase(name));
}

function sentence(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    return thrown.message;
  }
}

function error(code: string, message: string, range: Range): Diagnostic {
  return { severity: "error", code, message, range };
}
