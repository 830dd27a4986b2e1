/** Thrown into the transaction that would close a circle of waits. It is run again. */
export class Deadlock extends Error {}

/** Somebody who holds locks. */
export interface LockOwner {
  /** The lock it waits for. */
  waitsFor?: string;
  /** Its process is dead: it never comes back from what it waits for. */
  dead?: true;
}

interface Lock {
  owner: LockOwner;
  readonly line: { readonly owner: LockOwner; readonly go: () => void }[];
}

/** Exclusive locks by name, held until their owner releases all of them. */
export class RowLocks {
  readonly #locks = new Map<string, Lock>();

  /** Waits for a lock; nothing to do for its owner. @throws Deadlock */
  async take(owner: LockOwner, name: string): Promise<void> {
    if (owner.dead === true) return await new Promise(() => {});
    const lock = this.#locks.get(name);
    if (lock === undefined) {
      this.#locks.set(name, { owner, line: [] });
      return;
    }
    if (lock.owner === owner) return;
    for (let other: LockOwner | undefined = lock.owner; other !== undefined; ) {
      if (other === owner) throw new Deadlock(`a deadlock at ${name}`);
      other = other.waitsFor === undefined ? undefined : this.#locks.get(other.waitsFor)?.owner;
    }
    owner.waitsFor = name;
    await new Promise<void>((resolve) => lock.line.push({ owner, go: resolve }));
  }

  /** Gives back all locks of an owner, also the one it waits for. */
  release(owner: LockOwner): void {
    for (const [name, lock] of this.#locks) {
      const at = lock.line.findIndex((waiter) => waiter.owner === owner);
      if (at >= 0) lock.line.splice(at, 1);
      if (lock.owner !== owner) continue;
      const next = nextAlive(lock);
      if (next === undefined) {
        this.#locks.delete(name);
        continue;
      }
      lock.owner = next.owner;
      delete next.owner.waitsFor;
      next.go();
    }
  }
}

function nextAlive({ line }: Lock): Lock["line"][number] | undefined {
  for (;;) {
    const next = line.shift();
    if (next === undefined || next.owner.dead !== true) return next;
  }
}
