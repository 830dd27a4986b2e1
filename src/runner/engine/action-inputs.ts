import type { ActionMetadata } from "../../workflow/action-model.ts";
import { foldCase } from "../../workflow/expressions/value.ts";
import type { StageScope } from "./step-handler.ts";

/** Inputs that any action takes without having declared them. */
const ALWAYS_ALLOWED: ReadonlySet<string> = new Set(["ENTRYPOINT", "ARGS"]);

/**
 * The inputs of an action for one stage: what the step's `with` gives, then the defaults of what it leaves out. Names are
 * spelt as declared. @throws AppError invalid when an expression is wrong
 */
export async function actionInputs(
  scope: StageScope,
  { inputs: declared }: ActionMetadata,
): Promise<ReadonlyMap<string, string>> {
  const given = scope.step.with === undefined ? new Map<string, string>() : await scope.mapping(scope.step.with);
  const byName = new Map([...given].map(([name, value]) => [foldCase(name), [name, value] as const]));
  const result = new Map<string, string>();
  for (const [name, { default: fallback }] of declared) {
    const own = byName.get(foldCase(name));
    byName.delete(foldCase(name));
    result.set(name, own?.[1] ?? (fallback === undefined ? "" : await scope.text(fallback)));
  }
  for (const [name, value] of byName.values()) result.set(name, value);
  return result;
}

/** Says what is odd about the `with` of a step: names the action does not declare, and deprecated ones. */
export async function warnOfInputs(
  scope: StageScope,
  { inputs: declared }: ActionMetadata,
  inputs: ReadonlyMap<string, string>,
): Promise<void> {
  const names = new Map([...declared].map(([name, input]) => [foldCase(name), input]));
  const unknown = [...inputs.keys()].filter(
    (name) => !names.has(foldCase(name)) && !ALWAYS_ALLOWED.has(foldCase(name)),
  );
  if (unknown.length > 0) {
    const quoted = (list: Iterable<string>) => [...list].map((name) => `'${name}'`).join(", ");
    await scope.log(`##[warning]Unexpected input(s) ${quoted(unknown)}, valid inputs are [${quoted(declared.keys())}]`);
  }
  if (scope.step.with === undefined) return;
  for (const name of (await scope.mapping(scope.step.with)).keys()) {
    const message = names.get(foldCase(name))?.deprecationMessage;
    if (message) await scope.log(`##[warning]Input '${name}' has been deprecated with message: ${message}`);
  }
}

/** `INPUT_<NAME>`: upper case, blanks become `_`, dashes stay (@actions/core reads them so). */
export function inputVariables(inputs: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    [...inputs].map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]),
  );
}

/** The group that GitHub shows above an action's output. */
export async function writeActionHeader(scope: StageScope): Promise<void> {
  await scope.log(`##[group]Run ${scope.step.uses ?? ""}`);
  if (scope.step.with !== undefined) {
    await scope.log("with:");
    for (const [name, value] of await scope.mapping(scope.step.with)) await scope.log(`  ${name}: ${value}`);
  }
  await scope.log("##[endgroup]");
}
