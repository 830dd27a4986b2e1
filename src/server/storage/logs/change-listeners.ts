/** Callbacks by task; a callback that throws does not keep the others from being called. */
export class ChangeListeners {
  readonly #byTask = new Map<number, Set<() => void>>();

  /** Calls `callback` on each change of this task until disposed. */
  add(taskId: number, callback: () => void): Disposable {
    const own = () => callback();
    const set = this.#byTask.get(taskId) ?? new Set();
    this.#byTask.set(taskId, set.add(own));
    return {
      [Symbol.dispose]: () => {
        set.delete(own);
        if (set.size === 0 && this.#byTask.get(taskId) === set) this.#byTask.delete(taskId);
      },
    };
  }

  /** Calls the callbacks of a task. */
  notify(taskId: number): void {
    for (const callback of [...(this.#byTask.get(taskId) ?? [])]) queueMicrotask(callback);
  }
}
