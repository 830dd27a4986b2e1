import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { openStore, type StoreOptions } from "../../src/server/storage/open-store.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { mariadbMissing, sharedMariadb } from "./mariadb.ts";

/** An empty place for a store, gone when disposed. Opening it twice, one after the other, finds the same rows. */
export interface StorePlace extends AsyncDisposable {
  readonly options: Pick<StoreOptions, "dataDir" | "databaseUrl">;
  open(options?: Partial<StoreOptions>): Promise<Store>;
}

/** A kind of store; suites run once for each that is not to be skipped. */
export interface StoreKind {
  readonly name: "sqlite" | "mariadb";
  /** Why it cannot be tested here, or undefined. */
  readonly skip: string | undefined;
  create(): Promise<StorePlace>;
}

async function place(databaseUrl?: string): Promise<StorePlace> {
  const dataDir = await mkdtemp(join(tmpdir(), "store-"));
  const options = databaseUrl === undefined ? { dataDir } : { dataDir, databaseUrl };
  return {
    options,
    open: (more) => openStore({ ...options, clock: systemClock, ...more }),
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true, force: true }),
  };
}

/** Every kind of store. */
export const storeKinds: readonly StoreKind[] = [
  { name: "sqlite", skip: undefined, create: () => place() },
  { name: "mariadb", skip: mariadbMissing, create: async () => place(await (await sharedMariadb()).createDatabase()) },
];

for (const { name, skip } of storeKinds) if (skip !== undefined) console.warn(`store ${name} is skipped: ${skip}`);

/** A fresh embedded store, for suites that need just one. Disposing it removes its directory, too. */
export async function openTestStore(options?: Partial<StoreOptions>): Promise<Store & AsyncDisposable> {
  const where = await place();
  const store = await where.open(options);
  const close = store[Symbol.asyncDispose].bind(store);
  return Object.assign(store, {
    async [Symbol.asyncDispose]() {
      await close();
      await where[Symbol.asyncDispose]();
    },
  });
}
