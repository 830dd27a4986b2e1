import { braceExpand } from "minimatch";
import { Glob } from "../../lib/glob.ts";

/** What braces may make of one pattern. */
const MAX_ALTERNATIVES = 1000;

/**
 * Reads the `pattern` input of `actions/download-artifact`: wildcards, classes, groups like `@(a|b)`, braces like
 * `{a,b}`, and `!` before what is not wanted. Like a shell's, it takes a name that begins with a dot only when it
 * begins with one itself. The time that a name takes grows with the lengths of both alone.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  if (pattern.startsWith("#")) return () => false; // a comment
  const [marks = ""] = /^!*/.exec(pattern) ?? [];
  const alternatives = braceExpand(pattern.slice(marks.length), { braceExpandMax: MAX_ALTERNATIVES });
  const globs = alternatives.map((text) => ({ glob: new Glob(text, { groups: true }), dot: /^[.\\]/.test(text) }));
  const matches = (name: string) => globs.some(({ glob, dot }) => (dot || !name.startsWith(".")) && glob.matches(name));
  return marks.length % 2 === 0 ? matches : (name) => !matches(name);
}
