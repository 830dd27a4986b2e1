import { describe } from "vitest";
import { storeKinds } from "../support/stores.ts";
import { storeAccountsContract } from "./store-accounts.contract.ts";
import { storeConcurrencyContract } from "./store-concurrency.contract.ts";
import { storeGroupsContract } from "./store-groups.contract.ts";
import { storeLifecycleContract } from "./store-lifecycle.contract.ts";
import { storeRunsContract } from "./store-runs.contract.ts";

describe.each(storeKinds)("store on $name", (kind) => {
  describe.skipIf(kind.skip !== undefined)("accounts", () => storeAccountsContract(kind));
  describe.skipIf(kind.skip !== undefined)("runs", () => storeRunsContract(kind));
  describe.skipIf(kind.skip !== undefined)("concurrency groups", () => storeGroupsContract(kind));
  describe.skipIf(kind.skip !== undefined)("lifecycle", () => storeLifecycleContract(kind));
  describe.skipIf(kind.skip !== undefined)("transactions", () => storeConcurrencyContract(kind));
});
