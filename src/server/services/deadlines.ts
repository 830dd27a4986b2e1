import type { Clock } from "../../lib/clock.ts";

interface Group {
  readonly callbacks: Set<() => void>;
  readonly timer: Disposable;
}

/** Calls many back at few times: one timer for all that have the same time. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #groups = new Map<number, Group>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `callback` at a time, unless the handle is disposed before. @param time epoch ms; at once when it is over */
  at(time: number, callback: () => void): Disposable {
    const group = this.#groups.get(time) ?? this.#begin(time);
    group.callbacks.add(callback);
    return {
      [Symbol.dispose]: () => {
        group.callbacks.delete(callback);
        if (group.callbacks.size === 0) this.#end(time, group);
      },
    };
  }

  #begin(time: number): Group {
    const callbacks = new Set<() => void>();
    const timer = this.#clock.timer(Math.max(0, time - this.#clock.now()), () => {
      this.#end(time, group);
      for (const callback of callbacks) callback();
    });
    const group: Group = { callbacks, timer };
    this.#groups.set(time, group);
    return group;
  }

  #end(time: number, group: Group): void {
    if (this.#groups.get(time) !== group) return;
    this.#groups.delete(time);
    group.timer[Symbol.dispose]();
  }
}
