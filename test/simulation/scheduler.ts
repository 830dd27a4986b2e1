import { Random } from "./random.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
  cancelled: boolean;
}

/** Where the simulated time begins, epoch ms. */
export const START = Date.UTC(2030, 0, 1);
/** So many events are kept for the report of a failure. */
const TRACED = 400;

/**
 * Time and order of everything that happens in one simulation. Events fire one at a time, and everything that follows
 * from one of them (all promises) has come to rest before the next: so one seed is one course of events.
 */
export class Scheduler {
  readonly random: Random;
  /** Everything that happened, as one number. */
  digest = 0;
  /** Number of events that fired. */
  fired = 0;
  #now = START;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #trace: string[] = [];
  #verbose = false;

  constructor(seed: number, options: { readonly verbose?: boolean } = {}) {
    this.random = new Random(seed);
    this.#verbose = options.verbose ?? false;
  }

  /** Simulated time, epoch ms; the one true time that no process knows. */
  get now(): number {
    return this.#now;
  }

  /** The last things that were noted, oldest first. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  /** Notes what happens. */
  note(what: string): void {
    const line = `${((this.#now - START) / 1000).toFixed(3).padStart(9)} ${what}`;
    for (let i = 0; i < line.length; i++) this.digest = (Math.imul(this.digest, 31) + line.charCodeAt(i)) | 0;
    this.#trace.push(line);
    if (!this.#verbose && this.#trace.length > TRACED * 2) this.#trace.splice(0, TRACED);
  }

  /** Fires in `ms` milliseconds. */
  after(ms: number, fire: () => void): Disposable {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, fire, cancelled: false };
    this.#push(event);
    return { [Symbol.dispose]: () => (event.cancelled = true) };
  }

  /** Lets time pass until something holds; false when it did not within `ms`. */
  async run(done: () => boolean, ms: number): Promise<boolean> {
    const end = this.#now + ms;
    while (!done()) {
      const event = this.#pop();
      if (event === undefined || event.at > end) {
        if (event !== undefined) this.#push(event);
        this.#now = end;
        return done();
      }
      if (event.cancelled) continue;
      this.#now = event.at;
      this.fired += 1;
      event.fire();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!goesFirst(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && goesFirst(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!goesFirst(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function goesFirst(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
