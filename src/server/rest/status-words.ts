import { AppError } from "../../lib/errors.ts";
import { isConclusion, type JobStatus, type RunStatus } from "../domain/run.ts";

/** A status in GitHub's two words, as Gitea reports it (reference/protocol.md §4.3). */
export interface StatusWords {
  readonly status: "queued" | "waiting" | "in_progress" | "completed";
  readonly conclusion: "success" | "failure" | "cancelled" | "skipped" | null;
}

/** Our status in GitHub's words. */
export function statusWords(status: JobStatus | RunStatus): StatusWords {
  if (isConclusion(status)) return { status: "completed", conclusion: status };
  if (status === "waiting") return { status: "queued", conclusion: null };
  return { status: status === "blocked" ? "waiting" : "in_progress", conclusion: null };
}

const FINAL = ["success", "failure", "cancelled", "skipped"] as const;

const FILTERS: Readonly<Record<string, readonly RunStatus[]>> = {
  pending: ["blocked"],
  waiting: ["blocked"],
  requested: ["blocked"],
  action_required: ["blocked"],
  queued: ["waiting"],
  in_progress: ["running"],
  completed: FINAL,
  success: ["success"],
  failure: ["failure"],
  skipped: ["skipped"],
  neutral: ["skipped"],
  cancelled: ["cancelled"],
  timed_out: ["cancelled"],
};

/** The statuses that the words of a `status` filter stand for; undefined without words. @throws AppError invalid for another word */
export function statusFilter(words: readonly string[]): readonly RunStatus[] | undefined {
  if (words.length === 0) return undefined;
  const statuses = words.flatMap((word) => {
    const found = FILTERS[word];
    if (found !== undefined) return found;
    throw new AppError("invalid", `the status ${word} is not known; known are ${Object.keys(FILTERS).join(", ")}`);
  });
  return [...new Set(statuses)];
}
