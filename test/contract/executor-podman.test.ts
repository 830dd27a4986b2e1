import { describe, it } from "vitest";
import { testEngine } from "../support/engines.ts";
import { containerSubject } from "../support/executor-container-subject.ts";
import { executorContract } from "./executor.contract.ts";

const found = await testEngine("podman");

if ("engine" in found) executorContract("podman", () => containerSubject(found.engine));
else describe("executor podman", () => it.skip(`skipped: ${found.missing}`));
