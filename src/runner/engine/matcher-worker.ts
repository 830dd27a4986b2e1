import { parentPort, workerData } from "node:worker_threads";
import { type MatcherDefinition, type ProblemMatch, ProblemMatcher } from "./problem-matcher.ts";

/** What the thread is started with. */
export interface MatcherWork {
  /** The newest first: the order in which they are tried. */
  readonly matchers: readonly MatcherDefinition[];
  /** One number: the place of the matcher that is being tried, so that a stuck one can be named. */
  readonly progress: SharedArrayBuffer;
}

/** What a line gave: undefined, or the match. */
export type MatcherAnswer = ProblemMatch | undefined;

const { matchers, progress } = workerData as MatcherWork;
const current = new Int32Array(progress);
const active = matchers.map((definition) => new ProblemMatcher(definition));

/** The first matcher that completes a match wins; the others start anew. */
function matchLine(line: string): MatcherAnswer {
  for (const [index, matcher] of active.entries()) {
    Atomics.store(current, 0, index);
    const found = matcher.match(line);
    if (found === undefined) continue;
    for (const other of active) if (other !== matcher) other.reset();
    return found;
  }
  return undefined;
}

parentPort?.postMessage(undefined); // ready: the time of a line begins after the start
parentPort?.on("message", (line: string) => parentPort?.postMessage(matchLine(line)));
