import { makeRe } from "minimatch";
import { AppError } from "./errors.ts";

/** How a pattern is read. */
export interface GlobOptions {
  /** Whether `?(…)`, `*(…)`, `+(…)`, `@(…)` and `!(…)` are groups. @default false */
  readonly groups?: boolean;
  /** Whether the pattern means everything below what it matches as well. @default false */
  readonly descendants?: boolean;
}

/**
 * The positions of a text from which a match can go on, one flag for each. A node changes, in place, those behind it
 * into those before it.
 */
type Positions = Uint8Array;
type Node = (text: string, positions: Positions) => void;

/**
 * A pattern of paths: `*`, `?` and classes within a name, `**` over folders, `\` before what is meant literally. Names
 * that begin with a dot are like any other. It goes over a text once for each sign of the pattern, from behind, and
 * never backtracks: no pattern and no name, whoever wrote them, can make it slow.
 */
export class Glob {
  readonly #nodes: readonly Node[];

  /** @throws AppError invalid for a group within a group */
  constructor(pattern: string, { groups = false, descendants = false }: GlobOptions = {}) {
    const nodes = new GlobReader(pattern, groups).read();
    this.#nodes = (descendants ? [...nodes, endOrBelow] : nodes).reverse();
  }

  /** Whether the whole of a path is matched. */
  matches(path: string): boolean {
    const positions = new Uint8Array(path.length + 1);
    positions[path.length] = 1;
    for (const node of this.#nodes) {
      node(path, positions);
      if (!positions.includes(1)) return false;
    }
    return positions[0] === 1;
  }
}

/** Makes the nodes of a pattern. */
class GlobReader {
  readonly #pattern: string;
  readonly #groups: boolean;
  #at = 0;

  constructor(pattern: string, groups: boolean) {
    this.#pattern = pattern;
    this.#groups = groups;
  }

  /** @param inGroup whether it is one of a group's alternatives, which ends before `|` or `)` */
  read(inGroup = false): Node[] {
    const nodes: Node[] = [];
    while (this.#at < this.#pattern.length && !(inGroup && "|)".includes(this.#sign()))) {
      nodes.push(...(this.#group(inGroup) ?? this.#stars() ?? [this.#one()]));
    }
    return nodes;
  }

  #sign(ahead = 0): string {
    return this.#pattern.charAt(this.#at + ahead);
  }

  #group(inGroup: boolean): Node[] | undefined {
    const kind = this.#sign();
    if (!this.#groups || !/^[?*+@!]\($/.test(kind + this.#sign(1))) return undefined;
    if (inGroup) {
      throw new AppError("invalid", `the pattern '${this.#pattern}' has a group within a group; write it without`);
    }
    const from = this.#at;
    this.#at++;
    const alternatives: Node[][] = [];
    do {
      this.#at++;
      alternatives.push(this.read(true).reverse());
    } while (this.#sign() === "|");
    if (this.#sign() === ")") {
      this.#at++;
      return [group(kind, alternatives)];
    }
    this.#at = from; // never closed
    return undefined;
  }

  #stars(): Node[] | undefined {
    const from = this.#at;
    const begins = from === 0 || this.#sign(-1) === "/";
    while (this.#sign() === "*") this.#at++;
    const count = this.#at - from;
    if (count === 0) return undefined;
    const ends = this.#sign() === "" || this.#sign() === "/";
    if (count !== 2 || !begins || !ends) return begins && ends ? [one(notSlash), star] : [star];
    if (this.#sign() === "") return [anything];
    this.#at++;
    return [folders];
  }

  #one(): Node {
    const sign = this.#sign();
    const [charClass] = sign === "[" ? (CLASS.exec(this.#pattern.slice(this.#at, this.#at + MAX_CLASS)) ?? []) : [];
    this.#at += charClass?.length ?? 1;
    if (charClass !== undefined) return one(isOneOf(charClass));
    if (sign === "?") return one(notSlash);
    const meant = sign === "\\" && this.#at < this.#pattern.length ? this.#pattern.charAt(this.#at++) : sign;
    return one((char) => char === meant);
  }
}

/** Characters; a `[` whose end is further away is none. */
const MAX_CLASS = 1024;
const CLASS = /^\[[!^]?\]?(?:\[:[a-z]+:\]|\\[^/]|[^\]\\/])*\]/;

function notSlash(char: string): boolean {
  return char !== "/";
}

function isOneOf(charClass: string): (char: string) => boolean {
  // in the middle of a name, where a dot is no special one
  const expression = makeRe(`x${charClass}`, { dot: true, nobrace: true, nocomment: true, noext: true });
  return (char) => char !== "/" && expression !== false && expression.test(`x${char}`);
}

function one(is: (char: string) => boolean): Node {
  return (text, positions) => {
    for (let at = 0; at < text.length; at++) positions[at] = positions[at + 1] === 1 && is(text.charAt(at)) ? 1 : 0;
    positions[text.length] = 0;
  };
}

const star: Node = (text, positions) => {
  for (let at = text.length - 1; at >= 0; at--) {
    if (positions[at + 1] === 1 && notSlash(text.charAt(at))) positions[at] = 1;
  }
};

/** A `**` at the end. */
const anything: Node = (_, positions) => positions.fill(1, 0, positions.lastIndexOf(1) + 1);

/** A `**` with the slash behind it: any number of folders. */
const folders: Node = (text, positions) => {
  let from = text.lastIndexOf("/");
  while (from > 0 && positions[from + 1] === 0) from = text.lastIndexOf("/", from - 1);
  if (from >= 0 && positions[from + 1] === 1) positions.fill(1, 0, from + 1);
};

/** What is below the match is one as well. */
const endOrBelow: Node = (text, positions) => {
  for (let at = 0; at < text.length; at++) if (text.charAt(at) === "/") positions[at] = 1;
};

function group(kind: string, alternatives: readonly (readonly Node[])[]): Node {
  const before = (text: string, positions: Positions) =>
    alternatives.map((nodes) => {
      const own = positions.slice();
      for (const node of nodes) node(text, own);
      return own;
    });
  return (text, positions) => {
    const behind = positions.slice();
    let found = before(text, behind);
    if (kind === "!") {
      star(text, positions);
      for (const own of found)
        own.forEach((flag, at) => {
          if (flag === 1) positions[at] = 0;
        });
      return;
    }
    positions.fill(0);
    if (kind === "?" || kind === "*") add(positions, [behind]);
    const repeats = kind === "*" || kind === "+";
    while (add(positions, found) && repeats) found = before(text, positions);
  };
}

/** Whether there was anything new in them. */
function add(positions: Positions, others: readonly Positions[]): boolean {
  let isNew = false;
  for (const other of others) {
    other.forEach((flag, at) => {
      if (flag === 0 || positions[at] === 1) return;
      positions[at] = 1;
      isNew = true;
    });
  }
  return isNew;
}
