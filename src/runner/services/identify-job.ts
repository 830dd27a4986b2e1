import { createHash } from "node:crypto";
import type { JobIdentity } from "../../jobservices/job-identity.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { ServiceJob } from "./service-job.ts";

/** Names are told apart by 48 bits of their hash. */
const ID_BYTES = 6;

/** Who a job is to services of this machine: it is told apart by its repository and its ref. */
export function identifyJob({ token, github }: ServiceJob): JobIdentity {
  const text = (key: string) => (typeof github[key] === "string" ? (github[key] as string) : "");
  const ref = text("ref");
  const base = text("base_ref");
  const main = defaultBranch(github["event"]);
  const refs = [ref, ...[base, main].filter((name) => name !== "").map((name) => `refs/heads/${name}`)];
  return {
    taskId: numberOf(token),
    ...{ jobId: numberOf(token), runId: Number(text("run_id")) || 0, attempt: Number(text("run_attempt")) || 1 },
    repositoryId: numberOf(text("repository").toLowerCase()),
    ...{ cacheRef: ref, cacheRefs: [...new Set(refs)] },
  };
}

function defaultBranch(event: JsonValue | undefined): string {
  const repository = typeof event === "object" && event !== null && !Array.isArray(event) ? event["repository"] : null;
  if (typeof repository !== "object" || repository === null || Array.isArray(repository)) return "";
  const branch = repository["default_branch"];
  return typeof branch === "string" ? branch : "";
}

function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUIntBE(0, ID_BYTES);
}
