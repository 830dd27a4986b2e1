import { callDeclaration } from "./call-declaration.ts";
import { evaluateMapping } from "./evaluate-template.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import { ExprObject } from "./expressions/value.ts";
import type { JobDefinition, Workflow } from "./model.ts";

/** Secrets by name in upper case. */
export type Secrets = Readonly<Record<string, string>>;

/**
 * What a called workflow has of its caller's secrets: none, all with `secrets: inherit`, or those that the caller hands
 * on by name and the workflow declares. Empty ones are left out.
 * @param context of the calling job, without secrets
 * @throws AppError invalid when an expression cannot be evaluated
 */
export function callSecrets(
  { secrets }: JobDefinition,
  called: Workflow,
  context: EvaluationContext,
  given: Secrets,
): Secrets {
  if (secrets === undefined) return {};
  if (secrets.kind !== "mapping" && secrets.kind !== "expression") return given;
  const withSecrets = new Map([...context.contexts, ["secrets", new ExprObject(Object.entries(given))]]);
  const declared = new Set(callDeclaration(called)?.secrets.map(({ name }) => name.toUpperCase()));
  const values = evaluateMapping(secrets, { ...context, contexts: withSecrets });
  return Object.fromEntries(
    values
      .map(([name, value]) => [name.toUpperCase(), value] as const)
      .filter(([name, value]) => declared.has(name) && value !== ""),
  );
}
