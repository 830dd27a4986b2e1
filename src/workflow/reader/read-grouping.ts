import type { MappingEntry, RunDefaults, Template } from "../model.ts";
import { defined } from "./defined.ts";
import type { Findings } from "./findings.ts";
import { PLACES, type Place } from "./place.ts";
import { readFields, type Shape } from "./read-fields.ts";
import { readTemplate, readTextTemplate } from "./read-template.ts";
import { readBoolean } from "./read-typed.ts";
import type { YamlNode } from "./yaml-node.ts";

const CONCURRENCY: Shape = { what: "concurrency", keys: ["group", "cancel-in-progress", "queue"], required: ["group"] };
const ENVIRONMENT: Shape = { what: "the environment", keys: ["name", "url", "deployment"], required: ["name"] };
const RUNS_ON: Shape = { what: "runs-on", keys: ["labels", "group"] };

/** Reads `concurrency`: a group, or a mapping. */
export function readConcurrency(node: YamlNode, place: Place, findings: Findings): Template | undefined {
  if (node.kind === "mapping") {
    const cancel = readFields(node, CONCURRENCY, findings)?.get("cancel-in-progress");
    if (cancel !== undefined) readBoolean(cancel, place, findings);
  }
  return textOrMapping(node, CONCURRENCY, place, findings);
}

/** Reads `environment`: a name, or a mapping. */
export function readEnvironment(node: YamlNode, findings: Findings): Template | undefined {
  if (node.kind !== "mapping") return textOrMapping(node, ENVIRONMENT, PLACES.job, findings);
  readFields(node, ENVIRONMENT, findings);
  const entries = node.entries.map(({ key, value }): MappingEntry => {
    const place = key.value === "url" ? PLACES.environmentUrl : PLACES.job;
    const name = String(key.value ?? "");
    return { key: { kind: "literal", value: name, range: key.range }, value: readTemplate(value, place, findings) };
  });
  return { kind: "mapping", entries, range: node.range };
}

/** Reads `runs-on`: a label, labels, or a mapping with `labels`; runner groups are GitHub's and not known here. */
export function readRunsOn(node: YamlNode, findings: Findings): Template | undefined {
  if (node.kind === "scalar" && (node.value === null || node.value === "")) {
    findings.error("missing-value", "The key 'runs-on' has no value; name a label of a runner", node.range);
    return undefined;
  }
  if (node.kind === "mapping") {
    const fields = readFields(node, RUNS_ON, findings);
    const group = fields?.get("group");
    if (fields?.get("labels") === undefined) {
      findings.error(
        "not-supported",
        "Runner groups are not supported; give 'runs-on' some labels",
        group?.range ?? node.range,
      );
    } else if (group !== undefined) {
      findings.warning("not-supported", "Runner groups are not supported; 'group' is ignored", group.range);
    }
  }
  return readTemplate(node, PLACES.job, findings, "text");
}

/** Reads `defaults`, of which only `run` is known. */
export function readDefaults(node: YamlNode | undefined, place: Place, findings: Findings): RunDefaults {
  const run = node && readFields(node, { what: "the defaults", keys: ["run"] }, findings)?.get("run");
  const fields = run && readFields(run, { what: "defaults.run", keys: ["shell", "working-directory"] }, findings);
  const text = (key: string) => {
    const value = fields?.get(key);
    return value && readTextTemplate(value, place, findings);
  };
  return defined({ shell: text("shell"), workingDirectory: text("working-directory") });
}

function textOrMapping(node: YamlNode, shape: Shape, place: Place, findings: Findings): Template | undefined {
  if (node.kind !== "sequence") return readTemplate(node, place, findings);
  findings.error("wrong-type", `A sequence was not expected; ${shape.what} is a text or a mapping`, node.range);
  return undefined;
}
