import { posix } from "node:path";
import { AppError } from "../../lib/errors.ts";
import { Glob } from "../../lib/glob.ts";

/** Without comments; all rules are asked for each file. */
const MAX_CHARACTERS = 16 * 1024;

interface Rule {
  readonly negated: boolean;
  readonly glob: Glob;
}

/** The lines of a `.dockerignore`, as Docker's own client reads them: the last one that knows a path decides. */
export class IgnoreRules {
  readonly #rules: readonly Rule[];

  /** @throws AppError invalid when they are too long */
  constructor(text: string) {
    const lines = text
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => line.trim());
    if (lines.join("\n").length > MAX_CHARACTERS) {
      throw new AppError("invalid", `.dockerignore is longer than ${MAX_CHARACTERS} characters; shorten it`);
    }
    this.#rules = lines.map(readRule).filter((rule) => rule !== undefined);
  }

  /** Whether a path, relative to the folder of the build, or a folder that it is in is left out. */
  ignores(path: string): boolean {
    return this.#rules.findLast(({ glob }) => glob.matches(path))?.negated === false;
  }
}

function readRule(line: string): Rule | undefined {
  const negated = line.startsWith("!");
  const text = negated ? line.slice(1).trim() : line;
  if (text === "") return undefined;
  const pattern = posix
    .normalize(text)
    .replace(/^\/(?=.)|(?<=.)\/$/g, "")
    // `**name` is that name in any folder
    .replace(/(?<=^|\/)\*\*(?=[^/*])/g, "**/");
  return { negated, glob: new Glob(pattern, { descendants: true }) };
}
