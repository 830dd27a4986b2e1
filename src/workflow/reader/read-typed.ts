import { parseNumber } from "../expressions/parse-number.ts";
import type { Template } from "../model.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readTemplate } from "./read-template.ts";
import type { YamlNode } from "./yaml-node.ts";

/** Reads a number, or an expression that yields one (`timeout-minutes`). A text that is a number is taken. */
export function readNumber(node: YamlNode, place: Place, findings: Findings): Template | undefined {
  const isNumber = (value: unknown) =>
    typeof value === "number" ||
    (typeof value === "string" && value.trim() !== "" && !Number.isNaN(parseNumber(value)));
  return readTyped(node, place, findings, "a number", isNumber);
}

/** Reads a boolean, or an expression that yields one (`continue-on-error`). The texts "true" and "false" are taken. */
export function readBoolean(node: YamlNode, place: Place, findings: Findings): Template | undefined {
  const isBoolean = (value: unknown) => typeof value === "boolean" || value === "true" || value === "false";
  return readTyped(node, place, findings, "true or false", isBoolean);
}

function readTyped(
  node: YamlNode,
  place: Place,
  findings: Findings,
  expected: string,
  accepts: (value: unknown) => boolean,
): Template | undefined {
  if (node.kind !== "scalar") {
    findings.error("wrong-type", `A ${node.kind} was not expected; ${expected} was`, node.range);
    return undefined;
  }
  const template = readTemplate(node, place, findings);
  if (template.kind === "literal" && !accepts(node.value) && !String(node.value).includes("${{")) {
    findings.error("wrong-type", `Unexpected value '${node.value ?? ""}'; ${expected} was expected`, node.range);
    return undefined;
  }
  return template;
}
