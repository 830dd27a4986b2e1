import { foldCase, toText } from "../expressions/value.ts";
import type { Step } from "../model.ts";
import { defined } from "./defined.ts";
import type { Findings } from "./findings.ts";
import { checkIdentifier } from "./identifier.ts";
import { PLACES, type Place } from "./place.ts";
import { readCondition } from "./read-condition.ts";
import { type Fields, readFields } from "./read-fields.ts";
import { readMappingTemplate, readPlainText, readTextTemplate } from "./read-template.ts";
import { readBoolean, readNumber } from "./read-typed.ts";
import type { YamlNode } from "./yaml-node.ts";

const SHAPE = {
  what: "a step",
  keys: [
    ...["id", "name", "if", "env", "continue-on-error", "timeout-minutes"],
    ...["run", "shell", "working-directory", "uses", "with"],
  ],
  unsupported: ["background", "wait", "wait-all", "cancel", "parallel"],
};
const RUN_KEYS = ["shell", "working-directory"];

/** Reads the `steps` of a job, or of a composite action. */
export function readSteps(node: YamlNode, findings: Findings, ifPlace: Place = PLACES.stepIf): Step[] {
  if (node.kind !== "sequence") {
    const found = node.kind === "mapping" ? "A mapping" : "A text";
    findings.error("wrong-type", `${found} was not expected; 'steps' is a sequence`, node.range);
    return [];
  }
  const ids = new Set<string>();
  const steps: Step[] = [];
  for (const [index, item] of node.items.entries()) {
    const step = readStep(item, index, ifPlace, findings);
    if (step?.id !== undefined) checkUnique(step.id, ids, item, findings);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

function checkUnique(id: string, ids: Set<string>, item: YamlNode, findings: Findings): void {
  const range = item.kind === "mapping" ? item.entries.find(({ key }) => key.value === "id")?.value.range : undefined;
  if (ids.has(foldCase(id))) {
    const message = `The identifier '${id}' may not be used more than once within the same job; rename the step`;
    findings.error("duplicate-id", message, range ?? item.range);
  }
  ids.add(foldCase(id));
}

function readStep(node: YamlNode, index: number, ifPlace: Place, findings: Findings): Step | undefined {
  const fields = readFields(node, SHAPE, findings);
  if (fields === undefined || reportsUnsupported(fields)) return undefined;
  checkKind(fields, node, findings);
  const optional = <T>(key: string, read: (value: YamlNode) => T | undefined): T | undefined => {
    const value = fields.get(key);
    return value === undefined ? undefined : read(value);
  };
  const text = (value: YamlNode) => readTextTemplate(value, PLACES.step, findings);
  const mapping = (value: YamlNode) => readMappingTemplate(value, PLACES.step, findings);
  const step = {
    index,
    id: optional("id", (value) => readId(value, findings)),
    name: optional("name", text),
    if: optional("if", (value) => readCondition(value, ifPlace, findings)),
    env: optional("env", mapping),
    continueOnError: optional("continue-on-error", (value) => readBoolean(value, PLACES.step, findings)),
    timeoutMinutes: optional("timeout-minutes", (value) => readNumber(value, PLACES.step, findings)),
    run: optional("run", text),
    shell: optional("shell", text),
    workingDirectory: optional("working-directory", text),
    uses: optional("uses", (value) => readUses(value, findings)),
    with: optional("with", mapping),
    range: node.range,
  };
  return defined(step);
}

function reportsUnsupported(fields: Fields): boolean {
  return SHAPE.unsupported.some((key) => key !== "background" && fields.get(key) !== undefined);
}

function checkKind(fields: Fields, node: YamlNode, findings: Findings): void {
  const start = node.kind === "mapping" ? (node.entries[0]?.key.range ?? node.range) : node.range;
  const run = fields.get("run");
  const uses = fields.get("uses");
  if (run !== undefined && uses !== undefined) {
    findings.error("run-and-uses", "A step has either 'run' or 'uses', not both", fields.keyRange("uses") ?? start);
  } else if (run === undefined && uses === undefined) {
    const wanted = fields.get("with") !== undefined ? "uses" : "run";
    findings.error("missing-key", `Required property is missing: ${wanted}; a step has 'run' or 'uses'`, start);
  }
  if (run?.kind === "scalar" && run.value === null) {
    findings.error("missing-value", "The key 'run' of a step has no value", run.range);
  }
  const useless = run !== undefined ? ["with"] : uses !== undefined ? RUN_KEYS : [];
  for (const key of useless.filter((candidate) => fields.get(candidate) !== undefined)) {
    const message = `Unexpected value '${key}': it has no effect on a step with '${run === undefined ? "uses" : "run"}'`;
    findings.warning("useless-key", message, fields.keyRange(key) ?? start);
  }
}

function readId(node: YamlNode, findings: Findings): string | undefined {
  const id = readPlainText(node, "the id of a step", findings);
  if (id === undefined || id === "") return undefined;
  return checkIdentifier(id, node.range, findings) ? id : undefined;
}

function readUses(node: YamlNode, findings: Findings): string | undefined {
  const uses = node.kind === "scalar" ? toText(node.value) : readPlainText(node, "'uses'", findings);
  if (uses === undefined) return undefined;
  if (uses === "") {
    findings.error("missing-value", "The key 'uses' of a step has no value", node.range);
    return undefined;
  }
  if (uses.includes("${{")) {
    findings.error("expression-not-allowed", "A template expression is not allowed in 'uses'", node.range);
    return undefined;
  }
  if (/^(docker:\/\/|\.\/|\.\\|\$\/)./.test(uses) || uses === "./" || uses === ".") return uses;
  const [path = "", ...versions] = uses.split("@");
  const parts = path.replace(/^https?:\/\/[^/]+\//, "").split("/");
  if (versions.length === 1 && versions[0] !== "" && parts.length >= 2 && parts.every((part) => part !== ""))
    return uses;
  const message = `Expected format {org}/{repo}[/path]@ref, ./path or docker://image. Actual '${uses}'`;
  findings.error("bad-uses", message, node.range);
  return undefined;
}
