import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import { MATCH_PROPERTIES, type MatcherDefinition } from "./problem-matcher.ts";

const PATTERN = z.object({
  regexp: z.string().min(1),
  file: z.int().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
  severity: z.int().optional(),
  code: z.int().optional(),
  message: z.int().optional(),
  fromPath: z.int().optional(),
  loop: z.boolean().optional(),
});
const MATCHER = z.object({
  owner: z.string().min(1),
  severity: z.string().optional(),
  fromPath: z.string().optional(),
  pattern: z.array(PATTERN).min(1),
});
const FILE = z.object({ problemMatcher: z.array(MATCHER).min(1) });

/**
 * Reads a matcher file, `{"problemMatcher": [{owner, severity, fromPath, pattern: […]}]}`, with the rules of GitHub's
 * runner (IssueMatcher.cs). @throws AppError invalid
 */
export function parseMatchers(source: string, name: string): readonly MatcherDefinition[] {
  const wrong = (what: string) => new AppError("invalid", `the problem matcher in ${name} is wrong: ${what}`);
  let json: unknown;
  try {
    json = JSON.parse(source.replace(/^\uFEFF/, ""));
  } catch {
    throw wrong("it is not JSON");
  }
  const read = FILE.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw wrong(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unknown"}`);
  }
  const matchers = read.data.problemMatcher;
  const owners = new Set(matchers.map(({ owner }) => owner.toLowerCase()));
  if (owners.size < matchers.length) throw wrong("an owner stands in it twice");
  for (const matcher of matchers) checkMatcher(matcher, wrong);
  return matchers;
}

function checkMatcher({ owner, severity = "", pattern }: MatcherDefinition, wrong: (what: string) => AppError): void {
  if (!["", "error", "warning", "notice"].includes(severity.toLowerCase())) {
    throw wrong(`the severity of '${owner}' is error, warning or notice`);
  }
  const seen = new Set<(typeof MATCH_PROPERTIES)[number]>();
  for (const [index, one] of pattern.entries()) {
    const isLast = index === pattern.length - 1;
    if (one.loop && (!isLast || pattern.length === 1))
      throw wrong(`only the last of several patterns of '${owner}' loops`);
    if (one.loop && one.message === undefined)
      throw wrong(`the pattern of '${owner}' that loops has to set the message`);
    for (const property of MATCH_PROPERTIES) {
      if (one[property] === undefined) continue;
      if (seen.has(property)) throw wrong(`two patterns of '${owner}' set ${property}`);
      seen.add(property);
    }
    try {
      new RegExp(one.regexp);
    } catch (error) {
      throw wrong(`a regexp of '${owner}' cannot be read: ${(error as Error).message}`);
    }
  }
  if (!seen.has("message")) throw wrong(`no pattern of '${owner}' sets the message`);
}
