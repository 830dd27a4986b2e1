import type { ActionInput, ActionMetadata, ActionOutput } from "./action-model.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { toText } from "./expressions/value.ts";
import { defined } from "./reader/defined.ts";
import { Findings } from "./reader/findings.ts";
import { PLACES } from "./reader/place.ts";
import { readActionRuns } from "./reader/read-action-runs.ts";
import { type Fields, readFields, type Shape } from "./reader/read-fields.ts";
import { readTextTemplate } from "./reader/read-template.ts";
import { readYaml } from "./reader/read-yaml.ts";
import type { YamlNode } from "./reader/yaml-node.ts";

const SHAPE: Shape = {
  what: "an action",
  keys: ["name", "author", "description", "inputs", "outputs", "runs", "branding"],
  required: ["runs"],
};
const INPUT: Shape = {
  what: "an input of an action",
  keys: ["description", "required", "default", "deprecationMessage", "type", "options"],
};
const OUTPUT: Shape = { what: "an output of an action", keys: ["description", "value"] };

/** Reads an `action.yml`; reports every mistake at once. `metadata` is absent exactly when there is an error. */
export function parseActionMetadata(source: string): { metadata?: ActionMetadata; diagnostics: Diagnostic[] } {
  const findings = new Findings();
  const { root } = readYaml(source, findings);
  const metadata = root && readMetadata(root, findings);
  const diagnostics = findings.sorted();
  return metadata === undefined || findings.failed ? { diagnostics } : { metadata, diagnostics };
}

function readMetadata(root: YamlNode, findings: Findings): ActionMetadata | undefined {
  const fields = readFields(root, SHAPE, findings);
  const runs = fields?.get("runs");
  const read = runs && readActionRuns(runs, findings);
  if (fields === undefined || read === undefined) return undefined;
  return defined({
    name: textOf(fields, "name"),
    description: textOf(fields, "description"),
    inputs: readNamed(fields.get("inputs"), "inputs", findings, (value) => readInput(value, findings)),
    outputs: readNamed(fields.get("outputs"), "outputs", findings, (value) => readOutput(value, findings)),
    runs: read,
  });
}

function readNamed<T>(
  node: YamlNode | undefined,
  what: string,
  findings: Findings,
  read: (value: YamlNode) => T | undefined,
): Map<string, T> {
  const result = new Map<string, T>();
  if (node === undefined || (node.kind === "scalar" && node.value === null)) return result;
  if (node.kind !== "mapping") {
    findings.error("wrong-type", `The ${what} of an action are a mapping of names to definitions`, node.range);
    return result;
  }
  for (const { key, value } of node.entries) {
    const item = read(value);
    if (item !== undefined) result.set(toText(key.value), item);
  }
  return result;
}

function readInput(node: YamlNode, findings: Findings): ActionInput | undefined {
  if (node.kind === "scalar" && node.value === null) return { required: false };
  const fields = readFields(node, INPUT, findings);
  if (fields === undefined) return undefined;
  const value = fields.get("default");
  return defined({
    description: textOf(fields, "description"),
    required: textOf(fields, "required") === "true",
    default: value && readTextTemplate(value, PLACES.actionInput, findings),
    deprecationMessage: textOf(fields, "deprecationMessage"),
  });
}

function readOutput(node: YamlNode, findings: Findings): ActionOutput | undefined {
  if (node.kind === "scalar" && node.value === null) return {};
  const fields = readFields(node, OUTPUT, findings);
  if (fields === undefined) return undefined;
  const value = fields.get("value");
  return defined({
    description: textOf(fields, "description"),
    value: value && readTextTemplate(value, PLACES.actionOutput, findings),
  });
}

function textOf(fields: Fields, key: string): string | undefined {
  const node = fields.get(key);
  return node?.kind === "scalar" && node.value !== null ? toText(node.value) : undefined;
}
