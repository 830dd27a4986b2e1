import type { Range } from "../diagnostic.ts";
import { toText } from "../expressions/value.ts";
import { type JobDefinition, REQUEUE_WORDS, type RequeueWord } from "../model.ts";
import { defined } from "./defined.ts";
import type { Findings } from "./findings.ts";
import { PLACES } from "./place.ts";
import { readCondition } from "./read-condition.ts";
import { readContainer, readServices } from "./read-container.ts";
import { type Fields, readFields, type Shape } from "./read-fields.ts";
import { readConcurrency, readDefaults, readEnvironment, readRunsOn } from "./read-grouping.ts";
import { readPermissions } from "./read-permissions.ts";
import { readSteps } from "./read-step.ts";
import { readStrategy } from "./read-strategy.ts";
import { readMappingTemplate, readPlainText, readTemplate, readTextTemplate } from "./read-template.ts";
import { readBoolean, readNumber } from "./read-typed.ts";
import type { YamlNode, YamlScalar } from "./yaml-node.ts";

const SHAPE: Shape = {
  what: "a job",
  keys: [
    ...["name", "needs", "if", "runs-on", "strategy", "env", "defaults", "outputs", "timeout-minutes"],
    ...["cancel-timeout-minutes", "continue-on-error", "container", "services", "concurrency", "environment"],
    ...["permissions", "uses", "with", "secrets", "steps", "requeue"],
  ],
  unsupported: ["snapshot"],
};
/** Keys that a job with `uses` cannot have. */
const OWN_KEYS = [
  "runs-on",
  "steps",
  "container",
  "services",
  "env",
  "defaults",
  "outputs",
  "timeout-minutes",
  "environment",
  "requeue",
];

/** A job, and the places of its needs for the check of the graph. */
export interface ReadJob {
  readonly job: JobDefinition;
  /** As spelt in `needs`. */
  readonly needs: readonly YamlScalar[];
}

/** Reads one job; its needs are checked later, when all jobs are known. */
export function readJob(id: string, idRange: Range, node: YamlNode, findings: Findings): ReadJob | undefined {
  const fields = readFields(node, SHAPE, findings);
  if (fields === undefined) return undefined;
  checkKind(fields, node, findings);
  const optional = <T>(key: string, read: (value: YamlNode) => T | undefined): T | undefined => {
    const value = fields.get(key);
    return value === undefined ? undefined : read(value);
  };
  const needs = optional("needs", (value) => readNeeds(value, findings)) ?? [];
  const job = {
    id,
    idRange,
    name: optional("name", (value) => readTextTemplate(value, PLACES.job, findings)),
    needs: needs.map(({ value }) => toText(value)),
    if: optional("if", (value) => readCondition(value, PLACES.jobIf, findings)),
    strategy: optional("strategy", (value) => readStrategy(value, findings)),
    continueOnError: optional("continue-on-error", (value) => readBoolean(value, PLACES.job, findings)),
    concurrency: optional("concurrency", (value) => readConcurrency(value, PLACES.job, findings)),
    permissions: optional("permissions", (value) => readPermissions(value, findings)),
    ...readOwn(optional, fields, findings),
    ...readCall(optional, findings),
    range: node.range,
  };
  return { job: defined(job), needs };
}

type Optional = <T>(key: string, read: (value: YamlNode) => T | undefined) => T | undefined;

function readOwn(optional: Optional, fields: Fields, findings: Findings) {
  return {
    runsOn: optional("runs-on", (value) => readRunsOn(value, findings)),
    env: optional("env", (value) => readMappingTemplate(value, PLACES.jobEnv, findings)),
    defaults: readDefaults(fields.get("defaults"), PLACES.defaults, findings),
    outputs: optional("outputs", (value) => readMappingTemplate(value, PLACES.jobOutputs, findings)),
    timeoutMinutes: optional("timeout-minutes", (value) => readNumber(value, PLACES.job, findings)),
    cancelTimeoutMinutes: optional("cancel-timeout-minutes", (value) => readNumber(value, PLACES.job, findings)),
    requeue: optional("requeue", (value) => readRequeue(value, findings)),
    container: optional("container", (value) => readContainer(value, findings)),
    services: optional("services", (value) => readServices(value, findings)),
    environment: optional("environment", (value) => readEnvironment(value, findings)),
    steps: optional("steps", (value) => readSteps(value, findings)) ?? [],
  };
}

function readRequeue(node: YamlNode, findings: Findings): RequeueWord | undefined {
  const text = node.kind === "scalar" ? toText(node.value) : `a ${node.kind}`;
  const word = REQUEUE_WORDS.find((known) => known === text);
  if (word === undefined) {
    const message = `Unexpected value '${text}'; 'requeue' is one of ${REQUEUE_WORDS.join(", ")}`;
    findings.error("wrong-value", message, node.range);
  }
  return word;
}

function readCall(optional: Optional, findings: Findings) {
  return {
    uses: optional("uses", (value) => readPlainText(value, "'uses'", findings)),
    usesRange: optional("uses", (value) => value.range),
    with: optional("with", (value) => readMappingTemplate(value, PLACES.job, findings, "typed")),
    secrets: optional("secrets", (value) => {
      if (value.kind === "mapping" || (value.kind === "scalar" && value.value === "inherit")) {
        return readTemplate(value, PLACES.jobEnv, findings);
      }
      const found = value.kind === "scalar" ? toText(value.value) : "a sequence";
      findings.error(
        "wrong-type",
        `Unexpected value '${found}'; 'secrets' is a mapping or the word inherit`,
        value.range,
      );
      return undefined;
    }),
  };
}

function checkKind(fields: Fields, node: YamlNode, findings: Findings): void {
  const start = node.kind === "mapping" ? (node.entries[0]?.key.range ?? node.range) : node.range;
  const calls = fields.get("uses") !== undefined;
  if (!calls) {
    if (fields.get("runs-on") === undefined) {
      findings.error("missing-key", "Required property is missing: runs-on; name a label of a runner", start);
    }
    if (fields.get("steps") === undefined) {
      findings.warning("no-steps", "The job has no steps; it will succeed without doing anything", start);
    }
    return;
  }
  const clash = OWN_KEYS.find((key) => fields.get(key) !== undefined);
  if (clash !== undefined) {
    const message = `Unexpected value 'uses': a job that calls a workflow cannot have '${clash}'`;
    findings.error("uses-and-own-keys", message, fields.keyRange("uses") ?? start);
  }
}

function readNeeds(node: YamlNode, findings: Findings): YamlScalar[] {
  const items = node.kind === "sequence" ? node.items : [node];
  return items.filter((item): item is YamlScalar => {
    if (item.kind === "scalar" && item.value !== null && item.value !== "") return true;
    if (item.kind === "scalar" && node.kind === "scalar") return false;
    findings.error("wrong-type", "'needs' is the id of a job, or a sequence of ids", item.range);
    return false;
  });
}
