import type { ActionRuns } from "../action-model.ts";
import { toText } from "../expressions/value.ts";
import type { Step, Template } from "../model.ts";
import { defined } from "./defined.ts";
import type { Findings } from "./findings.ts";
import { PLACES } from "./place.ts";
import { readCondition } from "./read-condition.ts";
import { type Fields, readFields, type Shape } from "./read-fields.ts";
import { readSteps } from "./read-step.ts";
import { readMappingTemplate, readTextTemplate } from "./read-template.ts";
import type { YamlNode } from "./yaml-node.ts";

const SHAPE: Shape = {
  what: "the runs of an action",
  keys: [
    ...["using", "main", "pre", "pre-if", "post", "post-if", "steps"],
    ...["image", "entrypoint", "pre-entrypoint", "post-entrypoint", "args", "env"],
  ],
  required: ["using"],
};

/** Reads `runs` of an action: `node…`, `composite` or `docker`. Which versions of Node there are is for the runner to say. */
export function readActionRuns(node: YamlNode, findings: Findings): ActionRuns | undefined {
  const fields = readFields(node, SHAPE, findings);
  const using = fields && textOf(fields, "using");
  if (fields === undefined || using === undefined) return undefined;
  const kind = using.toLowerCase();
  if (kind === "composite") return readComposite(fields, findings);
  if (kind === "docker") return readDocker(fields, findings);
  if (/^node\d+$/.test(kind)) return readNode(fields, kind, findings);
  const range = fields.get("using")?.range ?? fields.range;
  findings.error("not-supported", `'using: ${using}' is not supported; use composite, docker or node24`, range);
  return undefined;
}

function readNode(fields: Fields, using: string, findings: Findings): ActionRuns | undefined {
  const main = required(fields, "main", findings);
  if (main === undefined) return undefined;
  const pre = textOf(fields, "pre");
  const post = textOf(fields, "post");
  return defined({ kind: "node" as const, using, main, pre, post, ...readStageConditions(fields, findings) });
}

function readComposite(fields: Fields, findings: Findings): ActionRuns | undefined {
  const node = fields.get("steps");
  if (node === undefined) {
    findings.error("missing-key", "Required property is missing: steps; a composite action needs them", fields.range);
    return undefined;
  }
  const steps = readSteps(node, findings, PLACES.actionStepIf);
  for (const step of steps) checkShell(step, findings);
  return { kind: "composite", steps };
}

function checkShell(step: Step, findings: Findings): void {
  if (step.run === undefined || step.shell !== undefined) return;
  const message = "Required property is missing: shell; a 'run' step of a composite action has to name its shell";
  findings.warning("missing-key", message, step.range);
}

function readDocker(fields: Fields, findings: Findings): ActionRuns | undefined {
  const image = required(fields, "image", findings);
  if (image === undefined) return undefined;
  const env = fields.get("env");
  return defined({
    kind: "docker" as const,
    image,
    entrypoint: textOf(fields, "entrypoint"),
    preEntrypoint: textOf(fields, "pre-entrypoint"),
    postEntrypoint: textOf(fields, "post-entrypoint"),
    args: readArgs(fields.get("args"), findings),
    env: env && readMappingTemplate(env, PLACES.actionOutput, findings),
    ...readStageConditions(fields, findings),
  });
}

function readArgs(node: YamlNode | undefined, findings: Findings): Template[] | undefined {
  if (node === undefined) return undefined;
  if (node.kind !== "sequence") {
    findings.error("wrong-type", "'args' of an action is a sequence of texts", node.range);
    return undefined;
  }
  const args = node.items.map((item) => readTextTemplate(item, PLACES.actionOutput, findings));
  return args.filter((arg) => arg !== undefined);
}

function readStageConditions(fields: Fields, findings: Findings) {
  const preIf = fields.get("pre-if");
  const postIf = fields.get("post-if");
  return {
    preIf: preIf && readCondition(preIf, PLACES.actionStepIf, findings),
    postIf: postIf && readCondition(postIf, PLACES.actionStepIf, findings),
  };
}

function required(fields: Fields, key: string, findings: Findings): string | undefined {
  const text = textOf(fields, key);
  if (text !== undefined && text !== "") return text;
  findings.error("missing-key", `Required property is missing: ${key}; add it to the runs of the action`, fields.range);
  return undefined;
}

function textOf(fields: Fields, key: string): string | undefined {
  const node = fields.get(key);
  return node?.kind === "scalar" && node.value !== null ? toText(node.value) : undefined;
}
