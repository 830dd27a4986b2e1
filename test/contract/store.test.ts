import { describe } from "vitest";
import { storeKinds } from "../support/stores.ts";
import { storeConcurrencyContract } from "./store-concurrency.contract.ts";
import { storeContract } from "./store.contract.ts";

describe.each(storeKinds)("store on $name", (kind) => {
  describe.skipIf(kind.skip !== undefined)("tables", () => storeContract(kind));
  describe.skipIf(kind.skip !== undefined)("transactions", () => storeConcurrencyContract(kind));
});
