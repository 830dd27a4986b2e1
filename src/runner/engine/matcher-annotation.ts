import { posix, win32 } from "node:path";
import type { Annotation, AnnotationLevel } from "./job-event.ts";
import type { ProblemMatch } from "./problem-matcher.ts";

/** Where the files lie that matches name. */
export interface MatchPlace {
  readonly workspace: string;
  readonly platform: NodeJS.Platform;
  /** Whether there is such a file; the path is absolute and below the workspace. */
  readonly exists: (path: string) => Promise<boolean>;
}

/**
 * The annotation of a match; undefined without a message, or with a severity that is none. A file that does not exist,
 * or lies outside of the workspace, is left out with its place (GitHub's OutputManager.cs).
 */
export async function matchAnnotation(match: ProblemMatch, place: MatchPlace): Promise<Annotation | undefined> {
  const { message, severity = "error" } = match;
  const level = LEVELS.get(severity.toLowerCase());
  if (message === undefined || level === undefined) return undefined;
  const file = await relativeFile(match, place);
  const line = numberOf(match.line);
  const column = numberOf(match.column);
  return {
    level,
    message,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(line === undefined || column === undefined ? {} : { column }),
    ...(match.code === undefined ? {} : { title: match.code }),
  };
}

const LEVELS: ReadonlyMap<string, AnnotationLevel> = new Map(
  (["error", "warning", "notice"] as const).map((level) => [level, level]),
);

async function relativeFile({ file, fromPath }: ProblemMatch, place: MatchPlace): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const path = place.platform === "win32" ? win32 : posix;
  const base = path.resolve(place.workspace, fromPath === undefined ? "" : path.dirname(fromPath));
  const full = path.resolve(base, file);
  const relative = path.relative(place.workspace, full);
  const isInside = relative !== "" && !relative.startsWith("..") && !path.isAbsolute(relative);
  return isInside && (await place.exists(full)) ? relative.replaceAll("\\", "/") : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
