import type { Template } from "../model.ts";
import { EVENT_KEYS } from "./event-keys.ts";
import type { Findings } from "./findings.ts";
import { PLACES } from "./place.ts";
import { readFields } from "./read-fields.ts";
import { readPlainText, readTemplate } from "./read-template.ts";
import type { YamlMapping, YamlNode } from "./yaml-node.ts";

const INPUT_KEYS = ["description", "required", "default", "type", "options", "deprecationMessage"];
const INPUT_TYPES = ["string", "boolean", "number", "choice", "environment"];

/** Reads `on`: an event, a list of events, or a mapping of events to their configuration. */
export function readOn(node: YamlNode, findings: Findings): Map<string, Template | null> {
  const events = new Map<string, Template | null>();
  const add = (name: YamlNode, config: YamlNode | undefined) => {
    const event = readPlainText(name, "'on'", findings);
    if (event === undefined || event.includes("${{")) return;
    if (!EVENT_KEYS.has(event)) {
      findings.warning(
        "unknown-event",
        `Unexpected value '${event}': no such event is known; the trigger is ignored`,
        name.range,
      );
    }
    const empty = config === undefined || (config.kind === "scalar" && config.value === null);
    if (!empty) checkConfig(event, config, findings);
    events.set(event, empty ? null : readTemplate(config, PLACES.anywhere, findings));
  };
  if (node.kind === "mapping") for (const { key, value } of node.entries) add(key, value);
  else if (node.kind === "sequence") for (const item of node.items) add(item, undefined);
  else add(node, undefined);
  return events;
}

function checkConfig(event: string, node: YamlNode, findings: Findings): void {
  if (event === "schedule") {
    checkSchedule(node, findings);
    return;
  }
  const keys = EVENT_KEYS.get(event);
  if (keys === undefined) return;
  const fields = readFields(node, { what: `the event ${event}`, keys }, findings);
  if (event === "workflow_dispatch" || event === "workflow_call") checkInputs(event, fields?.get("inputs"), findings);
  const outputs = fields?.get("outputs");
  if (event === "workflow_call" && outputs?.kind === "mapping") {
    const shape = { what: "an output", keys: ["description", "value"], required: ["value"] };
    for (const { value } of outputs.entries) readFields(value, shape, findings);
  }
  checkExpressions(event, node, findings);
}

function checkSchedule(node: YamlNode, findings: Findings): void {
  const items = node.kind === "sequence" ? node.items : [node];
  for (const item of items) {
    readFields(item, { what: "a schedule", keys: ["cron", "timezone"], required: ["cron"] }, findings);
  }
}

function checkInputs(event: string, inputs: YamlNode | undefined, findings: Findings): void {
  if (inputs === undefined || (inputs.kind === "scalar" && inputs.value === null)) return;
  if (inputs.kind !== "mapping") {
    findings.error("wrong-type", "The inputs have to be a mapping of names to definitions", inputs.range);
    return;
  }
  for (const { value } of inputs.entries) checkInput(event, value, findings);
}

function checkInput(event: string, node: YamlNode, findings: Findings): void {
  const isCall = event === "workflow_call";
  if (node.kind === "scalar" && node.value === null && !isCall) return;
  const keys = isCall ? INPUT_KEYS.slice(0, 4) : INPUT_KEYS;
  const fields = readFields(node, { what: "an input", keys, required: isCall ? ["type"] : [] }, findings);
  const type = fields?.get("type");
  const allowed = isCall ? INPUT_TYPES.slice(0, 3) : INPUT_TYPES;
  if (type?.kind === "scalar" && type.value !== null && !allowed.includes(String(type.value))) {
    const message = `Unexpected value '${type.value}': the type of an input is ${allowed.join(", ")}`;
    findings.error("bad-input-type", message, type.range);
  }
}

/** Expressions are allowed only in the defaults and outputs of a reusable workflow. */
function checkExpressions(event: string, node: YamlNode, findings: Findings): void {
  if (event === "workflow_call") return;
  const check = (child: YamlNode): void => {
    if (child.kind === "sequence") child.items.forEach(check);
    else if (child.kind === "mapping") for (const value of valuesOf(child)) check(value);
    else if (typeof child.value === "string" && child.value.includes("${{")) {
      findings.error(
        "expression-not-allowed",
        `A template expression is not allowed in the event ${event}`,
        child.range,
      );
    }
  };
  check(node);
}

function valuesOf(node: YamlMapping): YamlNode[] {
  return node.entries.map(({ value }) => value);
}
