import { describe, it } from "vitest";
import { testEngine } from "../support/engines.ts";
import { containerSubject } from "../support/executor-container-subject.ts";
import { executorContract } from "./executor.contract.ts";

const found = await testEngine("docker");

if ("engine" in found) executorContract("docker", () => containerSubject(found.engine));
else describe("executor docker", () => it.skip(`skipped: ${found.missing}`));
