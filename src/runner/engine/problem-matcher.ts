/** One pattern of a matcher; the numbers are those of groups in `regexp`. */
export interface MatcherPattern {
  readonly regexp: string;
  readonly file?: number | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly severity?: number | undefined;
  readonly code?: number | undefined;
  readonly message?: number | undefined;
  readonly fromPath?: number | undefined;
  readonly loop?: boolean | undefined;
}

/** A matcher as its file defines it. */
export interface MatcherDefinition {
  readonly owner: string;
  /** Where no pattern says it. @default error */
  readonly severity?: string | undefined;
  readonly fromPath?: string | undefined;
  readonly pattern: readonly MatcherPattern[];
}

/** What a pattern may take from a line. */
export const MATCH_PROPERTIES = ["file", "line", "column", "severity", "code", "message", "fromPath"] as const;

/** What a matcher found in one or several lines; all as text. */
export type ProblemMatch = { readonly [name in (typeof MATCH_PROPERTIES)[number]]?: string };

/** One matcher at work; it remembers what it found in the lines before. */
export class ProblemMatcher {
  readonly #patterns: readonly (readonly [pattern: MatcherPattern, regexp: RegExp])[];
  readonly #defaults: ProblemMatch;
  /** By pattern: what was found up to it, if the last lines matched so far. */
  #running: (ProblemMatch | undefined)[] = [];

  constructor({ pattern, severity, fromPath }: MatcherDefinition) {
    this.#patterns = pattern.map((one) => [one, new RegExp(one.regexp)]);
    this.#defaults = {
      ...(severity === undefined ? {} : { severity }),
      ...(fromPath === undefined ? {} : { fromPath }),
    };
  }

  /** What this line completes, or undefined. The patterns are tried from the last to the first, so a line counts once. */
  match(line: string): ProblemMatch | undefined {
    const last = this.#patterns.length - 1;
    for (let index = last; index >= 0; index -= 1) {
      const before = index === 0 ? {} : this.#running[index - 1];
      const entry = this.#patterns[index];
      if (before === undefined || entry === undefined) continue;
      const [pattern, regexp] = entry;
      const groups = regexp.exec(line);
      if (index < last) {
        this.#running[index] = groups === null ? undefined : { ...before, ...valuesOf(pattern, groups) };
      } else if (groups !== null) {
        this.reset();
        if (pattern.loop) this.#running[index - 1] = before;
        return { ...this.#defaults, ...before, ...valuesOf(pattern, groups) };
      } else if (index > 0) {
        this.#running[index - 1] = undefined;
      }
    }
    return undefined;
  }

  /** Forgets the lines before. */
  reset(): void {
    this.#running = [];
  }
}

function valuesOf(pattern: MatcherPattern, groups: RegExpExecArray): ProblemMatch {
  return Object.fromEntries(
    MATCH_PROPERTIES.flatMap((property) => {
      const group = pattern[property];
      const value = group === undefined ? undefined : groups[group]?.trim();
      return value ? [[property, value]] : [];
    }),
  );
}
