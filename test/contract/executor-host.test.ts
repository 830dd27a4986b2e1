import { describe, it } from "vitest";
import { hostSubject } from "../support/executor-host-subject.ts";
import { executorContract } from "./executor.contract.ts";

executorContract("host", () => hostSubject());

const nobody = { uid: 65534, gid: 65534 };

if (process.getuid?.() === 0) executorContract("host, steps as nobody", () => hostSubject({ runAs: nobody }));
else describe("executor host, steps as nobody", () => it.skip("skipped: only root can run steps as another user"));
