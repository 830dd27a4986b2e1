import type { WriteTables } from "../storage/store.ts";

/** Of replicas that make the same first rows at once, one after the other goes on: the lock ends with the transaction. */
export async function takeStartLock(tx: WriteTables): Promise<void> {
  await tx.meta.putIfAbsent("start_lock", "");
}
