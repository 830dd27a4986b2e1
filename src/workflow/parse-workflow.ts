import type { Diagnostic } from "./diagnostic.ts";
import type { JobDefinition, Workflow } from "./model.ts";
import { checkNeeds } from "./reader/check-needs.ts";
import { defined } from "./reader/defined.ts";
import { Findings } from "./reader/findings.ts";
import { checkIdentifier } from "./reader/identifier.ts";
import { PLACES } from "./reader/place.ts";
import { type Fields, readFields, type Shape } from "./reader/read-fields.ts";
import { readConcurrency, readDefaults } from "./reader/read-grouping.ts";
import { type ReadJob, readJob } from "./reader/read-job.ts";
import { readOn } from "./reader/read-on.ts";
import { readPermissions } from "./reader/read-permissions.ts";
import { readMappingTemplate, readPlainText, readTextTemplate } from "./reader/read-template.ts";
import { readYaml } from "./reader/read-yaml.ts";
import type { YamlLimits } from "./reader/yaml-limits.ts";
import type { YamlNode } from "./reader/yaml-node.ts";

const SHAPE: Shape = {
  what: "a workflow",
  keys: ["name", "description", "run-name", "on", "env", "defaults", "concurrency", "permissions", "jobs"],
  required: ["on", "jobs"],
};

/**
 * Reads a workflow file; reports every mistake at once. `workflow` is absent exactly when there is an error.
 * Unknown keys and contexts are warnings, since Gitea accepts them.
 */
export function parseWorkflow(
  source: string,
  limits: YamlLimits = {},
): { workflow?: Workflow; diagnostics: Diagnostic[] } {
  const findings = new Findings();
  const { root } = readYaml(source, findings, limits);
  const workflow = root && readWorkflow(root, findings);
  const diagnostics = findings.sorted();
  return workflow === undefined || findings.failed ? { diagnostics } : { workflow, diagnostics };
}

function readWorkflow(root: YamlNode, findings: Findings): Workflow | undefined {
  const fields = readFields(root, SHAPE, findings);
  if (fields === undefined) return undefined;
  const optional = <T>(key: string, read: (value: YamlNode) => T | undefined): T | undefined => {
    const value = fields.get(key);
    return value === undefined ? undefined : read(value);
  };
  return defined({
    name: optional("name", (value) => readPlainText(value, "the name of a workflow", findings)),
    runName: optional("run-name", (value) => readTextTemplate(value, PLACES.runName, findings)),
    on: optional("on", (value) => readOn(value, findings)) ?? new Map(),
    env: optional("env", (value) => readMappingTemplate(value, PLACES.workflowEnv, findings)),
    defaults: readDefaults(fields.get("defaults"), PLACES.defaults, findings),
    concurrency: optional("concurrency", (value) => readConcurrency(value, PLACES.workflowConcurrency, findings)),
    permissions: optional("permissions", (value) => readPermissions(value, findings)),
    jobs: readJobs(fields, findings),
  });
}

function readJobs(fields: Fields, findings: Findings): ReadonlyMap<string, JobDefinition> {
  const node = fields.get("jobs");
  if (node === undefined) return new Map();
  if (node.kind !== "mapping") {
    if (node.kind === "scalar" && node.value === null) return new Map();
    const text = node.kind === "scalar" && String(node.value).includes("${{");
    const code = text ? "expression-not-allowed" : "wrong-type";
    const problem = text ? "A template expression is not allowed in this context" : "Unexpected value";
    findings.error(code, `${problem}; 'jobs' is a mapping of ids to jobs`, node.range);
    return new Map();
  }
  if (node.entries.length === 0) {
    findings.error("no-jobs", "The workflow must contain at least one job with no dependencies", node.range);
  }
  const read: ReadJob[] = [];
  for (const { key, value } of node.entries) {
    const id = String(key.value ?? "");
    checkIdentifier(id, key.range, findings);
    const job = readJob(id, key.range, value, findings);
    if (job !== undefined) read.push(job);
  }
  return checkNeeds(read, node, findings);
}
