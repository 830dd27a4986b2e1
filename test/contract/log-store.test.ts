import { describe } from "vitest";
import { storeKinds } from "../support/stores.ts";
import { logStoreContract } from "./log-store.contract.ts";

describe.each(storeKinds)("log store on $name", (kind) => {
  describe.skipIf(kind.skip !== undefined)("rows", () => logStoreContract(kind));
});
