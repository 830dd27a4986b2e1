import { describe } from "vitest";
import { MemoryDatabase } from "../support/memory-store/memory-database.ts";
import { MemoryStore } from "../support/memory-store/memory-store.ts";
import type { StoreKind } from "../support/stores.ts";
import { logStoreContract } from "./log-store.contract.ts";
import { storeAccountsContract } from "./store-accounts.contract.ts";
import { storeConcurrencyContract } from "./store-concurrency.contract.ts";
import { storeGroupsContract } from "./store-groups.contract.ts";
import { storeRunsContract } from "./store-runs.contract.ts";

/** The simulation's store keeps what the real ones promise; one kind of isolation for each of them. */
const kinds: readonly StoreKind[] = (["sqlite", "mariadb"] as const).map((name) => ({
  name,
  skip: undefined,
  create: async () => {
    const database = new MemoryDatabase();
    return {
      options: { dataDir: "" },
      open: async () => new MemoryStore(database, { isolation: name === "sqlite" ? "serial" : "rows" }),
      [Symbol.asyncDispose]: async () => {},
    };
  },
}));

describe.each(kinds)("memory store in the manner of $name", (kind) => {
  describe("accounts", () => storeAccountsContract(kind));
  describe("runs", () => storeRunsContract(kind));
  describe("concurrency groups", () => storeGroupsContract(kind));
  describe("transactions", () => storeConcurrencyContract(kind));
  describe("logs", () => logStoreContract(kind));
});
