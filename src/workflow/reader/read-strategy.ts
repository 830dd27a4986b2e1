import type { Strategy } from "../model.ts";
import { defined } from "./defined.ts";
import type { Findings } from "./findings.ts";
import { PLACES } from "./place.ts";
import { readFields } from "./read-fields.ts";
import { readTemplate } from "./read-template.ts";
import { readBoolean, readNumber } from "./read-typed.ts";
import type { YamlNode } from "./yaml-node.ts";

const SHAPE = { what: "the strategy", keys: ["matrix", "fail-fast", "max-parallel"] };

/** Reads `strategy`. The values of a matrix are checked when it is expanded; an empty vector is reported here. */
export function readStrategy(node: YamlNode, findings: Findings): Strategy | undefined {
  const fields = readFields(node, SHAPE, findings);
  if (fields === undefined) return undefined;
  const matrix = fields.get("matrix");
  const failFast = fields.get("fail-fast");
  const maxParallel = fields.get("max-parallel");
  if (matrix !== undefined) checkMatrix(matrix, findings);
  return defined({
    matrix: matrix && readTemplate(matrix, PLACES.strategy, findings),
    failFast: failFast && readBoolean(failFast, PLACES.strategy, findings),
    maxParallel: maxParallel && readNumber(maxParallel, PLACES.strategy, findings),
    range: node.range,
  });
}

function checkMatrix(node: YamlNode, findings: Findings): void {
  if (node.kind === "scalar" && String(node.value).includes("${{")) return;
  if (node.kind !== "mapping") {
    findings.error("wrong-type", "The matrix has to be a mapping of vectors, or one expression", node.range);
    return;
  }
  for (const { key, value } of node.entries) {
    if (value.kind === "scalar" && String(value.value).includes("${{")) continue;
    if (value.kind !== "sequence") {
      findings.error("wrong-type", `The matrix key '${key.value}' has to be a sequence or an expression`, value.range);
    } else if (value.items.length === 0 && key.value !== "include" && key.value !== "exclude") {
      findings.error("empty-vector", `Matrix vector '${key.value}' does not contain any values`, value.range);
    }
  }
}
