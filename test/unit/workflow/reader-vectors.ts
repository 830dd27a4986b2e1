import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import type { JsonValue } from "../../../src/lib/json.ts";
import { type CallLimits, linkCalls } from "../../../src/workflow/link-calls.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import type { PermissionLevel } from "../../../src/workflow/permissions.ts";
import { templateJson } from "./template-json.ts";

const folder = join(import.meta.dirname, "../../fixtures/workflow-reader");

/** Names of all vector files. */
export const vectorFiles = readdirSync(folder).filter((file) => file.endsWith(".yml"));

interface Options {
  readonly "include-source"?: boolean;
  readonly "max-depth"?: number;
  readonly "max-file-size"?: number;
  readonly "max-job-limit"?: number;
  readonly "max-nested-reusable-workflows-depth"?: number;
  readonly "permissions-policy"?: "LimitedRead" | "Write";
  readonly "skip-reusable-workflows"?: boolean;
}

/** What jobs may do by GitHub's narrow default. */
const LIMITED_READ = new Map<string, PermissionLevel>([
  ["contents", "read"],
  ["packages", "read"],
]);

interface Expected {
  readonly errors?: { readonly Message: string }[];
  readonly [key: string]: unknown;
}

/** A vector as it stands in its file, and what we make of it. */
export function readVector(file: string) {
  const documents = readFileSync(join(folder, file), "utf8").split(/^---[ \t]*\n/m);
  const options = parse(documents[0] ?? "") as Options;
  const limits = {
    ...(options["max-depth"] === undefined ? {} : { maxDepth: options["max-depth"] }),
    ...(options["max-file-size"] === undefined ? {} : { maxBytes: options["max-file-size"] }),
  };
  const source = (documents[1] ?? "").trimEnd();
  const parsed = parseWorkflow(source, limits);
  const expected = JSON.parse(documents.at(-1) ?? "") as Expected;
  const called = options["skip-reusable-workflows"] === true ? [] : documents.slice(2, -1);
  const files = new Map(
    Array.from({ length: called.length / 2 }, (_, index) => [
      (called[2 * index] ?? "").trim(),
      parseWorkflow((called[2 * index + 1] ?? "").trimEnd(), limits),
    ]),
  );
  const linked = parsed.workflow === undefined ? undefined : linkCalls(parsed.workflow, files, callLimits(options));
  const diagnostics = [...parsed.diagnostics, ...(linked?.diagnostics ?? [])];
  return {
    source,
    options,
    expected,
    workflow: parsed.workflow,
    tree: linked?.tree,
    names: [...files.keys()],
    diagnostics,
  };
}

function callLimits(options: Options): CallLimits {
  const maxDepth = options["max-nested-reusable-workflows-depth"];
  const maxJobs = options["max-job-limit"];
  return {
    ...(maxDepth === undefined ? {} : { maxDepth }),
    ...(maxJobs === undefined ? {} : { maxJobs }),
    ...(options["permissions-policy"] === "LimitedRead" ? { permissions: LIMITED_READ } : {}),
  };
}

/**
 * Runs one vector. Undefined when we agree: the same template, or a finding (error or warning) at every place where an
 * error is expected. Otherwise what differs.
 */
export function runVector(file: string): string | undefined {
  const { options, expected, tree, names, diagnostics } = readVector(file);
  if (expected.errors !== undefined) {
    const places = diagnostics.map(({ range }) => `${range.line}:${range.column}`);
    const missed = expected.errors.filter(({ Message }) => !isReported(Message, places));
    return missed.length === 0 ? undefined : `not reported: ${missed[0]?.Message}; reported: ${places.join(" ")}`;
  }
  if (tree === undefined) return `refused: ${diagnostics.map(({ message }) => message).join("; ")}`;
  return difference(templateJson(tree, options["include-source"] === true, names), expected);
}

/** Whether we take a file with warnings that GitHub refuses. */
export function acceptsWithWarnings(file: string): boolean {
  const { expected, tree } = readVector(file);
  return expected.errors !== undefined && tree !== undefined;
}

function isReported(message: string, places: readonly string[]): boolean {
  const [, line, column] = /\(Line: (\d+), Col: (\d+)\)/.exec(message) ?? [];
  return line === undefined ? places.length > 0 : places.includes(`${line}:${column}`);
}

function difference(actual: { [key: string]: JsonValue }, expected: Expected): string | undefined {
  const { "file-table": _, ...comparable } = expected;
  const optional = ["events", "input-types"].filter((key) => !(key in expected));
  const ours = Object.fromEntries(Object.entries(actual).filter(([key]) => !optional.includes(key)));
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(ours)), comparable)) return undefined;
  const [left, right] = [lines(ours), lines(comparable)];
  const index = right.findIndex((line, at) => line !== left[at]);
  return `differs: ${left.slice(index - 1, index + 2).join(" ")} instead of ${right.slice(index - 1, index + 2).join(" ")}`;
}

function lines(value: unknown): string[] {
  return JSON.stringify(value, null, 1)
    .split("\n")
    .map((line) => line.trim());
}
