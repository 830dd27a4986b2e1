import type { JsonValue } from "../../../src/lib/json.ts";
import { toText } from "../../../src/workflow/expressions/value.ts";
import type { WorkflowTree } from "../../../src/workflow/link-calls.ts";
import type { JobDefinition, MappingEntry, Step, Template, Workflow } from "../../../src/workflow/model.ts";

/** Whether places are wanted, and the number of the file that they are in. */
interface Source {
  readonly wanted: boolean;
  readonly file: number;
}

/**
 * A workflow in the JSON form of GitHub's reader vectors, so that our model can be compared with them.
 * @param names of the called files, in the order of their numbers
 */
export function templateJson(
  tree: WorkflowTree,
  wanted: boolean,
  names: readonly string[],
): { [key: string]: JsonValue } {
  const { workflow } = tree;
  const source = { wanted, file: 1 };
  const write = (template: Template | undefined) => template && templateToJson(template, source);
  const inherited = workflow.permissions && permissions(workflow.permissions);
  return compact({
    "input-types": inputTypes(workflow),
    events: Object.fromEntries(
      [...workflow.on].map(([event, config]) => [event, config === null ? {} : plain(config)]),
    ),
    permissions: inherited,
    env: write(workflow.env),
    concurrency: write(workflow.concurrency),
    defaults: defaults(workflow, source),
    jobs: jobsToJson(tree, source, names, undefined),
  });
}

function jobsToJson(
  { workflow, calls }: WorkflowTree,
  source: Source,
  names: readonly string[],
  allowed: JsonValue | undefined,
): JsonValue[] {
  const inherited = workflow.permissions === undefined ? allowed : permissions(workflow.permissions);
  return [...workflow.jobs.values()].map((job) =>
    job.uses === undefined
      ? jobToJson(job, source, inherited)
      : callToJson(job, calls.get(job.id), source, inherited, names),
  );
}

function callToJson(
  job: JobDefinition,
  called: WorkflowTree | undefined,
  source: Source,
  inherited: JsonValue | undefined,
  names: readonly string[],
): JsonValue {
  const { steps: _, permissions: own, needs: __, ...common } = jobToJson(job, source, inherited);
  const write = (template: Template | undefined) => template && templateToJson(template, source);
  const declared = called?.workflow.on.get("workflow_call") ?? undefined;
  const file = names.indexOf(called?.name ?? "") + 2;
  const inside = { ...source, file };
  const declaredIn = (key: string) => {
    const found = child(declared, key);
    return found && templateToJson(found, inside);
  };
  const text = (value: string, range: Template["range"] | undefined) =>
    write({ kind: "literal", value, range: range ?? job.range });
  // What the called file asks for stands with its caller.
  const asked = called?.workflow.permissions;
  const allowed = asked === undefined ? own : permissions(asked);
  return compact({
    ...common,
    type: "reusableWorkflowJob",
    needs: [...job.needs],
    permissions: allowed,
    ref: text(job.uses ?? "", job.usesRange),
    "input-definitions": declaredIn("inputs"),
    "input-values": write(job.with),
    "secret-definitions": declaredIn("secrets"),
    ...(job.secrets?.kind === "mapping" ? { "secret-values": write(job.secrets) } : {}),
    ...(job.secrets?.kind === "literal" ? { "inherit-secrets": true } : {}),
    outputs: declaredIn("outputs"),
    ...(called?.workflow.env === undefined ? {} : { env: templateToJson(called.workflow.env, inside) }),
    jobs: called === undefined ? [] : jobsToJson(called, inside, names, allowed),
  });
}

function jobToJson(job: JobDefinition, source: Source, inherited: JsonValue | undefined): { [key: string]: JsonValue } {
  const write = (template: Template | undefined) => template && templateToJson(template, source);
  const strategy = (["matrix", "failFast", "maxParallel"] as const).flatMap((key) => {
    const value = job.strategy?.[key];
    const name = { matrix: "matrix", failFast: "fail-fast", maxParallel: "max-parallel" }[key];
    return value === undefined ? [] : [{ name, value }];
  });
  const id: Template = { kind: "literal", value: job.id, range: job.idRange ?? job.range };
  strategy.sort((a, b) => a.value.range.line - b.value.range.line);
  return compact({
    type: "job",
    id: write(id),
    name:
      job.name === undefined || (job.name.kind === "literal" && job.name.value === "") ? write(id) : write(job.name),
    needs: job.needs.length === 0 ? undefined : [...job.needs],
    if: { type: 3, expr: job.if?.expression.source ?? "success()" },
    strategy:
      strategy.length === 0
        ? undefined
        : map(strategy.map(({ name, value }) => pair(name, templateToJson(value, source)))),
    "continue-on-error": write(job.continueOnError),
    "timeout-minutes": write(job.timeoutMinutes),
    "cancel-timeout-minutes": write(job.cancelTimeoutMinutes),
    concurrency: write(job.concurrency),
    permissions: job.permissions === undefined ? inherited : permissions(job.permissions),
    env: write(job.env),
    environment: write(job.environment),
    defaults: defaults(job, source),
    "runs-on": write(job.runsOn),
    container: write(job.container),
    services: write(job.services),
    outputs: write(job.outputs),
    steps: job.steps.length === 0 ? undefined : stepsToJson(job.steps, source),
  });
}

function stepsToJson(steps: readonly Step[], source: Source): JsonValue[] {
  const taken = new Set(steps.flatMap(({ id }) => (id === undefined ? [] : [id.toLowerCase()])));
  const write = (template: Template | undefined) => template && templateToJson(template, source);
  return steps.map((step) =>
    compact({
      id: step.id ?? generatedId(step, taken),
      name: write(step.name),
      if: { type: 3, expr: step.if?.expression.source ?? "success()" },
      env: write(step.env),
      "continue-on-error": write(step.continueOnError),
      "timeout-minutes": write(step.timeoutMinutes),
      run: write(step.run),
      shell: write(step.shell),
      "working-directory": write(step.workingDirectory),
      uses: step.uses,
      with: write(step.with),
    }),
  );
}

function generatedId(step: Step, taken: Set<string>): string {
  const words = step.uses === undefined ? "run" : step.uses.replace(/^docker:\/\//, "").replace(/@.*/, "");
  const base = `__${words.replace(/[^A-Za-z0-9_-]/g, "_")}`;
  let id = base;
  for (let count = 2; taken.has(id.toLowerCase()); count++) id = `${base}_${count}`;
  taken.add(id.toLowerCase());
  return id;
}

function defaults({ defaults: run }: Pick<JobDefinition, "defaults">, source: Source): JsonValue | undefined {
  const keys = [
    ["shell", run.shell],
    ["working-directory", run.workingDirectory],
  ] as const;
  const given = keys.flatMap(([key, value]) => (value === undefined ? [] : [pair(key, templateToJson(value, source))]));
  return given.length === 0 ? undefined : map([pair("run", map(given))]);
}

function inputTypes(workflow: Workflow): JsonValue | undefined {
  const inputs = child(workflow.on.get("workflow_dispatch") ?? undefined, "inputs");
  if (inputs?.kind !== "mapping" || inputs.entries.length === 0) return undefined;
  return Object.fromEntries(
    inputs.entries.map(({ key, value }) => {
      const type = child(value, "type");
      return [keyText(key), type?.kind === "literal" ? toText(type.value) : "string"];
    }),
  );
}

/** A template without expressions as plain JSON. */
function plain(template: Template): JsonValue {
  if (template.kind === "literal") return template.value;
  if (template.kind === "sequence") return template.items.map(plain);
  if (template.kind !== "mapping") return null;
  return Object.fromEntries(
    template.entries.map(({ key, value }) => {
      const isList = LISTS.test(keyText(key)) && value.kind === "literal";
      return [keyText(key), isList ? [plain(value)] : plain(value)];
    }),
  );
}

/** Keys of events whose one value stands for a list. */
const LISTS = /^(types|names|versions|workflows|(branches|tags|paths)(-ignore)?)$/;

function child(template: Template | undefined, name: string): Template | undefined {
  return template?.kind === "mapping" ? template.entries.find(({ key }) => keyText(key) === name)?.value : undefined;
}

function keyText(key: MappingEntry["key"]): string {
  return key.kind === "literal" ? toText(key.value) : "";
}

const SCOPES = [
  ...["actions", "checks", "contents", "deployments", "discussions", "id-token", "issues", "packages", "pages"],
  ...["pull-requests", "repository-projects", "security-events", "statuses"],
];

function permissions(template: Template): JsonValue {
  if (template.kind === "literal") {
    const level = template.value === "write-all" ? "write" : "read";
    return Object.fromEntries(SCOPES.map((scope) => [scope, level]));
  }
  const entries = template.kind === "mapping" ? template.entries : [];
  const levels = entries.map(({ key, value }) => [keyText(key), value.kind === "literal" ? toText(value.value) : ""]);
  return Object.fromEntries(levels.filter(([, level]) => level !== "none").sort());
}

/** One template in the vectors' form. */
function templateToJson(template: Template, source: Source): JsonValue {
  const place = source.wanted ? { file: source.file, line: template.range.line, col: template.range.column } : {};
  switch (template.kind) {
    case "literal":
      if (source.wanted) return { type: kindNumber(template.value), ...place, ...literal(template.value) };
      return typeof template.value === "number" && !Number.isFinite(template.value)
        ? toText(template.value)
        : template.value;
    case "expression":
      return { type: 3, ...place, expr: template.expression.source };
    case "text": {
      let index = 0;
      const pattern = template.parts
        .map((part) => (typeof part === "string" ? part.replaceAll("{", "{{").replaceAll("}", "}}") : `{${index++}}`))
        .join("");
      const values = template.parts.flatMap((part) => (typeof part === "string" ? [] : [part.source]));
      return { type: 3, ...place, expr: `format(${[`'${pattern.replaceAll("'", "''")}'`, ...values].join(", ")})` };
    }
    case "sequence":
      return { type: 1, ...place, seq: template.items.map((item) => templateToJson(item, source)) };
    case "mapping":
      return {
        type: 2,
        ...place,
        map: template.entries.map(({ key, value }) => ({
          Key: key.kind === "insert" ? { type: 4, directive: "insert" } : templateToJson(key, source),
          Value: templateToJson(value, source),
        })),
      };
  }
}

function kindNumber(value: null | boolean | number | string): number {
  if (value === null) return 7;
  return typeof value === "boolean" ? 5 : typeof value === "number" ? 6 : 0;
}

function literal(value: null | boolean | number | string): { [key: string]: JsonValue } {
  if (value === null) return {};
  return typeof value === "boolean" ? { bool: value } : typeof value === "number" ? { num: value } : { lit: value };
}

function map(entries: JsonValue[]): JsonValue {
  return { type: 2, map: entries };
}

function pair(key: string, value: JsonValue): JsonValue {
  return { Key: key, Value: value };
}

function compact(object: { [key: string]: JsonValue | undefined }): { [key: string]: JsonValue } {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
