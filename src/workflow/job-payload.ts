import {
  type Alias,
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parseDocument,
  Scalar,
  type ScalarTag,
  YAMLMap,
  YAMLSeq,
} from "yaml";
import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import type { JobLeg } from "./expand-job.ts";
import { foldCase } from "./expressions/value.ts";
import { isTolerated } from "./reader/is-tolerated.ts";
import { aliasTargets, isMergeKey } from "./reader/yaml-aliases.ts";
import { refuseHostileYaml, tooManyNodes, YAML_LIMITS } from "./reader/yaml-limits.ts";

/** Keys of the workflow that go to the runner, in Gitea's order. */
const ROOT_KEYS = ["name", "run-name", "on", "env", "defaults", "permissions"];

/**
 * The YAML of a workflow with one job and one matrix combination, as Gitea's server sends it to runners.
 *
 * Everything a runner evaluates itself stays as it is written. What the server has decided is written out: name and
 * labels, the matrix as one value per key, and no `needs`, as Gitea erases them (runners take the keys of the task's
 * needs). A condition becomes `always()`: a runner that evaluated it again knows only the direct needs, fewer keys of
 * `github`, and not that the run was cancelled, so that it could skip a job that the server decided to run.
 *
 */
export interface JobPayloads {
  /**
   * @param workflowName takes the place of the file's `name`: in a called workflow `github.workflow` is the run's
   * @throws AppError not_found when the workflow has no such job
   */
  of(jobId: string, leg: Leg, workflowName?: string): string;
}

type Leg = Pick<JobLeg, "name" | "runsOn" | "matrix">;

/** Parses a workflow file, once for all its jobs. @throws AppError invalid when it is no workflow */
export function openPayloads(source: string): JobPayloads {
  const refusal = refuseHostileYaml(source, YAML_LIMITS);
  if (refusal !== undefined) throw new AppError("invalid", refusal);
  const document = parseDocument(source, { uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
  const root = new Copier(document).copy(document.contents);
  if (!document.errors.every(isTolerated) || !isMap(root))
    throw new AppError("invalid", "The workflow is not a YAML mapping");
  return { of: (jobId, leg, workflowName) => payloadOf(root as YAMLMap, jobId, leg, workflowName) };
}

function payloadOf(root: YAMLMap, jobId: string, leg: Leg, workflowName: string | undefined): string {
  const job = entryOf(entryOf(root, "jobs"), jobId);
  if (!isMap(job)) throw new AppError("not_found", `The workflow has no job '${jobId}'`);
  const payload = new YAMLMap();
  for (const key of ROOT_KEYS) {
    const isNamed = key === "name" && workflowName !== undefined;
    const value = isNamed ? quoted(workflowName) : entryOf(root, key);
    if (value !== undefined) payload.add(pair(key, value));
  }
  const jobs = new YAMLMap();
  jobs.add(new Pair(quoted(jobId), decided(job as YAMLMap, leg)));
  payload.add(pair("jobs", jobs));
  return new Document(payload, { aliasDuplicateObjects: false, customTags: (tags) => [VERBATIM, ...tags] }).toString({
    lineWidth: 0,
  });
}

function decided(job: YAMLMap, leg: Leg): YAMLMap {
  const result = new YAMLMap();
  const wasConditional = entryOf(job, "if") !== undefined || entryOf(job, "needs") !== undefined;
  result.add(pair("name", text(leg.name)));
  if (wasConditional) result.add(pair("if", quoted("always()")));
  for (const item of job.items as Pair<Node, Node | null>[]) {
    const key = keyOf(item);
    // Runners of Forgejo refuse keys that they do not know.
    if (["name", "if", "needs", "requeue"].includes(key)) continue;
    if (key === "runs-on") result.add(pair(key, sequence(leg.runsOn.map(text))));
    else if (key === "strategy" && isMap(item.value))
      result.add(pair(key, decidedStrategy(item.value as YAMLMap, leg.matrix)));
    else result.add(item);
  }
  return result;
}

function decidedStrategy(strategy: YAMLMap, matrix: JobLeg["matrix"]): YAMLMap {
  const result = new YAMLMap();
  for (const item of strategy.items as Pair<Node, Node | null>[]) {
    if (keyOf(item) !== "matrix") result.add(item);
  }
  const vectors = new YAMLMap();
  for (const [key, value] of Object.entries(matrix)) vectors.add(new Pair(text(key), sequence([jsonNode(value)])));
  if (vectors.items.length > 0) result.add(pair("matrix", vectors));
  return result;
}

function jsonNode(value: JsonValue): Node {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return sequence(value.map(jsonNode));
  if (value === null || typeof value !== "object") return new Scalar(value);
  const map = new YAMLMap();
  for (const [key, item] of Object.entries(value)) map.add(new Pair(text(key), jsonNode(item)));
  return map;
}

function sequence(items: readonly Node[]): YAMLSeq {
  const result = new YAMLSeq();
  for (const item of items) result.add(item);
  return result;
}

/** An evaluated text: the runner must not evaluate what it holds once more (a title could hold `${{ secrets.X }}`). */
function text(value: string): Scalar {
  return quoted(value.replaceAll("${{", "${{ '${{' }}"));
}

/** Double quotes keep every reader of YAML, 1.1 or 1.2, from taking the text for something else. */
function quoted(value: string): Scalar {
  const scalar = new Scalar(value);
  scalar.type = "QUOTE_DOUBLE";
  return scalar;
}

function pair(key: string, value: Node): Pair<Scalar, Node> {
  return new Pair(new Scalar(key), value);
}

function keyOf({ key }: Pair<Node, Node | null>): string {
  return isScalar(key) ? String(key.value) : "";
}

function entryOf(map: Node | undefined, key: string): Node | undefined {
  if (!isMap(map)) return undefined;
  const items = map.items as Pair<Node, Node | null>[];
  const found =
    items.find((item) => keyOf(item) === key) ?? items.find((item) => foldCase(keyOf(item)) === foldCase(key));
  return found === undefined ? undefined : (found.value ?? new Scalar(null));
}

/** A number, boolean or null as it is spelt: `3.10` and `012` are other texts to a runner that takes them as texts. */
class Verbatim {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

const VERBATIM: ScalarTag = {
  tag: "tag:yaml.org,2002:verbatim",
  default: true,
  identify: (value) => value instanceof Verbatim,
  test: /(?!)/,
  resolve: (source) => source,
  stringify: ({ value }) => (value as Verbatim).source,
};

/** Copies nodes without comments and anchors; expands aliases and merge keys. Scalars keep their style and spelling. */
class Copier {
  readonly #targets: ReadonlyMap<Alias, Node>;
  #copied = 0;

  constructor(document: Document) {
    this.#targets = aliasTargets(document);
  }

  copy(node: Node | null | undefined): Node {
    if (++this.#copied > YAML_LIMITS.maxNodes) throw new AppError("invalid", tooManyNodes(YAML_LIMITS));
    if (isAlias(node)) return this.copy(this.#targets.get(node));
    if (isMap(node)) return this.#map(node as YAMLMap);
    if (isSeq(node)) {
      const result = sequence(node.items.map((item) => this.copy(item as Node | null)));
      result.flow = node.flow ?? false;
      return result;
    }
    return isScalar(node) ? copyScalar(node) : new Scalar(null);
  }

  #map(node: YAMLMap): YAMLMap {
    const result = new YAMLMap();
    result.flow = node.flow ?? false;
    const merged: Pair<Node, Node | null>[] = [];
    for (const item of node.items as Pair<Node, Node | null>[]) {
      if (isMergeKey(item.key)) merged.push(...this.#mergedPairs(item.value));
      else result.items.push(new Pair(this.copy(item.key), this.copy(item.value)));
    }
    const seen = new Set((result.items as Pair<Node, Node | null>[]).map((item) => foldCase(keyOf(item))));
    for (const item of merged) {
      if (seen.has(foldCase(keyOf(item)))) continue;
      seen.add(foldCase(keyOf(item)));
      result.items.push(item);
    }
    return result;
  }

  #mergedPairs(value: Node | null): Pair<Node, Node | null>[] {
    const node = this.copy(value);
    const sources = isSeq(node) ? (node.items as Node[]) : [node];
    return sources.flatMap((source) => (isMap(source) ? (source.items as Pair<Node, Node | null>[]) : []));
  }
}

function copyScalar(node: Scalar): Scalar {
  const { value, type, source } = node;
  const tagged = node.tag !== undefined && !node.tag.endsWith(":str");
  const plain = type === "PLAIN" && (typeof value !== "string" || tagged) && source !== undefined;
  const result = new Scalar<unknown>(plain ? new Verbatim(source) : value);
  if (type !== undefined && !plain) result.type = type;
  return result;
}
