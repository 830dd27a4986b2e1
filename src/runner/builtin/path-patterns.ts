import { posix } from "node:path";
import { Glob } from "../../lib/glob.ts";

/** How the lines of a `path` input are read. */
export interface PatternPlace {
  /** Where relative patterns begin, absolute. */
  readonly workspace: string;
  /** What a leading `~` stands for; undefined where the job has none. */
  readonly home: string | undefined;
  /** Whether a pattern means everything below what it matches as well. */
  readonly descendants: boolean;
}

interface PathPattern {
  readonly negated: boolean;
  readonly root: string;
  /** Most levels below the root at which it can match. */
  readonly depth: number;
  matches(path: string): boolean;
}

/**
 * The lines of a `path` input of the artifact and cache actions: literal paths and globs, `!` takes back what earlier
 * lines matched, `#` begins a comment. Paths are those of POSIX.
 */
export class PathPatterns {
  /** Folders and files to search, none inside of another one. */
  readonly roots: readonly string[];
  /** Most levels below the roots that have to be looked at; undefined is all. */
  readonly depth: number | undefined;
  readonly #patterns: readonly PathPattern[];

  constructor(lines: readonly string[], place: PatternPlace) {
    const wanted = lines.filter((line) => !line.startsWith("#"));
    this.#patterns = wanted.map((line) => readPattern(line, place));
    const positive = this.#patterns.filter(({ negated }) => !negated);
    const all = [...new Set(positive.map(({ root }) => root))];
    this.roots = all.filter((root) => !all.some((other) => other !== root && isBelow(root, other)));
    const depths = positive.map(({ root, depth }) => levels(root) + depth);
    const deepest = Math.max(0, ...depths) - Math.min(...this.roots.map(levels), Number.POSITIVE_INFINITY);
    this.depth = Number.isFinite(deepest) ? Math.max(deepest, 0) : undefined;
  }

  /** Whether the last pattern that knows an absolute path wants it. */
  matches(path: string): boolean {
    return this.#patterns.reduce((wanted, pattern) => {
      if (pattern.negated) return wanted && !pattern.matches(path);
      return wanted || pattern.matches(path);
    }, false);
  }
}

/** Whether a path lies inside of a folder; both absolute. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** The folder that all paths have in common; `/` at least. */
export function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split("/"));
  const differs = first.findIndex((name, index) => others.some((other) => other[index] !== name));
  return first.slice(0, differs === -1 ? first.length : differs).join("/") || "/";
}

function readPattern(line: string, { workspace, home, descendants }: PatternPlace): PathPattern {
  const negated = line.startsWith("!");
  const text = absolute(negated ? line.slice(1).trim() : line, workspace, home);
  const segments = text.split("/").filter((segment) => segment !== "");
  const literal = segments.map(literalOf);
  const firstGlob = literal.indexOf(undefined);
  const root = `/${literal.slice(0, firstGlob === -1 ? undefined : firstGlob).join("/")}`;
  const clean = `/${segments.join("/")}`;
  const own = new Glob(clean);
  const below = new Glob(`${clean === "/" ? "" : clean}/**`);
  const isFolder = text.endsWith("/");
  const endless = descendants || segments.includes("**");
  return {
    negated,
    root,
    depth: endless ? Number.POSITIVE_INFINITY : firstGlob === -1 ? 0 : segments.length - firstGlob,
    matches: (path) => {
      if (path !== root && !isBelow(path, root)) return false;
      if (firstGlob === -1) return path === root ? !(isFolder && descendants) : descendants;
      if (descendants && below.matches(path)) return true;
      // a `**` at the end means the folder before it as well
      return !(isFolder && descendants) && (own.matches(path) || (segments.at(-1) === "**" && own.matches(`${path}/`)));
    },
  };
}

function absolute(text: string, workspace: string, home: string | undefined): string {
  const isHome = home !== undefined && (text === "~" || text.startsWith("~/"));
  const based = isHome
    ? `${literally(home)}${text.slice(1)}`
    : text.startsWith("/")
      ? text
      : `${literally(workspace)}/${text}`;
  return posix.normalize(based);
}

/** The name that a segment without a glob stands for; undefined for a glob. */
function literalOf(segment: string): string | undefined {
  const plain = segment.replace(/\[(.)\]|\\([*?[\]\\])/g, (_, one: string | undefined, escaped: string) => {
    return one === undefined ? `\0${escaped}` : `\0${one}`;
  });
  if (/(?<!\0)(\*|\?|\[[^\]]*\])/.test(plain)) return undefined;
  return plain.replaceAll("\0", "");
}

/** A path as a pattern that matches it alone. */
function literally(path: string): string {
  return path.replace(/[*?[]/g, "[$&]");
}

function levels(path: string): number {
  return path.split("/").filter((segment) => segment !== "").length;
}
