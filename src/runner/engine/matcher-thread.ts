import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../lib/clock.ts";
import type { MatcherAnswer, MatcherWork } from "./matcher-worker.ts";
import type { MatcherDefinition, ProblemMatch } from "./problem-matcher.ts";

/** GitHub's limit for one line and one matcher, and how often it may be hit before the matcher goes. */
const LINE_LIMIT_MS = 1_000;
const MAX_TIMEOUTS = 3;
/** Colours and other control sequences are no part of what matchers see. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what begins them
const ANSI = /\x1b\[[0-9;?]*[A-Za-z]/g;

/** Beside this file, with the same ending: the source and the published code differ in it. */
const WORKER_FILE = new URL(`./matcher-worker${extname(import.meta.url)}`, import.meta.url);

/** What is told beside the matches. */
export interface MatcherThreadOptions {
  readonly clock: Clock;
  /** A matcher was too slow too often, and is gone. */
  readonly removed: (owner: string) => void | Promise<void>;
  /** @default one second */
  readonly limitMs?: number;
}

/**
 * The problem matchers of a job. Their regular expressions come from the job, and JavaScript's cannot be interrupted:
 * so they run in a thread that is ended when a line takes too long. Without matchers there is no thread and no cost.
 */
export class MatcherThread implements AsyncDisposable {
  readonly #options: MatcherThreadOptions;
  readonly #timeouts = new Map<string, number>();
  readonly #progress = new SharedArrayBuffer(4);
  #matchers: readonly MatcherDefinition[] = [];
  #worker: Worker | undefined;

  constructor(options: MatcherThreadOptions) {
    this.#options = options;
  }

  /** Whether any line has to be shown to `match`. */
  get active(): boolean {
    return this.#matchers.length > 0;
  }

  /** Adds matchers in front of those there are; one of the same owner is replaced. */
  async add(matchers: readonly MatcherDefinition[]): Promise<void> {
    const owners = new Set(matchers.map(({ owner }) => owner.toLowerCase()));
    await this.#replace([...matchers, ...this.#matchers.filter(({ owner }) => !owners.has(owner.toLowerCase()))]);
  }

  /** Removes the matcher of an owner. */
  async remove(owner: string): Promise<void> {
    await this.#replace(this.#matchers.filter((matcher) => matcher.owner.toLowerCase() !== owner.toLowerCase()));
  }

  /** What the line completes; not to be called again before it has answered. */
  async match(line: string): Promise<ProblemMatch | undefined> {
    if (!this.active) return undefined;
    const worker = await this.#start();
    const { clock, limitMs = LINE_LIMIT_MS } = this.#options;
    const limit = new AbortController();
    using _ = clock.timer(limitMs, () => limit.abort());
    const answer = once(worker, "message", { signal: limit.signal });
    worker.postMessage(line.replaceAll(ANSI, ""));
    try {
      const [found] = (await answer) as [MatcherAnswer];
      return found;
    } catch {
      await this.#punish();
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  async #start(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker;
    const workerData: MatcherWork = { matchers: this.#matchers, progress: this.#progress };
    this.#worker = new Worker(WORKER_FILE, { workerData, env: {}, stdout: true, stderr: true });
    await once(this.#worker, "message");
    return this.#worker;
  }

  async #replace(matchers: readonly MatcherDefinition[]): Promise<void> {
    this.#matchers = matchers;
    await this[Symbol.asyncDispose]();
  }

  /** Ends the stuck thread; the matcher that it was at goes with its third time. */
  async #punish(): Promise<void> {
    const owner = this.#matchers[Atomics.load(new Int32Array(this.#progress), 0)]?.owner ?? "";
    const count = (this.#timeouts.get(owner) ?? 0) + 1;
    this.#timeouts.set(owner, count);
    await this[Symbol.asyncDispose]();
    if (count < MAX_TIMEOUTS) return;
    await this.remove(owner);
    await this.#options.removed(owner);
  }
}
