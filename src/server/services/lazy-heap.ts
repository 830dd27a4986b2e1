/**
 * A priority queue whose entries may lose their meaning while they are in it: such an entry is skipped when it comes
 * up, and swept out when more than half are of that kind.
 */
export class LazyHeap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #alive: (entry: T) => boolean;
  #entries: T[] = [];
  #dead = 0;

  /** @param before whether `a` comes first @param alive whether an entry still counts */
  constructor(before: (a: T, b: T) => boolean, alive: (entry: T) => boolean) {
    this.#before = before;
    this.#alive = alive;
  }

  /** Number of entries that count, provided that every loss was told by `lost`. */
  get size(): number {
    return this.#entries.length - this.#dead;
  }

  /** Adds an entry. */
  push(entry: T): void {
    this.#entries.push(entry);
    this.#up(this.#entries.length - 1);
  }

  /** The first entry that counts; it stays. */
  peek(): T | undefined {
    for (;;) {
      const first = this.#entries[0];
      if (first === undefined || this.#alive(first)) return first;
      this.#removeFirst();
      this.#dead--;
    }
  }

  /** To be called once for each entry that stopped counting. */
  lost(): void {
    this.#dead++;
    if (this.#dead <= 32 || this.#dead * 2 <= this.#entries.length) return;
    this.#entries = this.#entries.filter(this.#alive);
    this.#dead = 0;
    for (let index = (this.#entries.length >> 1) - 1; index >= 0; index--) this.#down(index);
  }

  #removeFirst(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    this.#down(0);
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let first = index;
      if (left < this.#entries.length && this.#isBefore(left, first)) first = left;
      if (right < this.#entries.length && this.#isBefore(right, first)) first = right;
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return this.#before(this.#entries[a] as T, this.#entries[b] as T);
  }

  #swap(a: number, b: number): void {
    const entry = this.#entries[a] as T;
    this.#entries[a] = this.#entries[b] as T;
    this.#entries[b] = entry;
  }
}
