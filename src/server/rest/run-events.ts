import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Repository } from "../domain/account.ts";
import { isConclusion } from "../domain/run.ts";
import type { RowMarks, RunChange } from "../services/watch-run.ts";
import type { StreamEvent } from "./event-stream.ts";
import { jobJson, stepJson } from "./job-json.ts";
import { runJson } from "./run-json.ts";

/** Reads a `Last-Event-ID` of the stream: `task:next,task:next`. @throws AppError invalid */
export function parseMarks(text: string | undefined): RowMarks {
  const marks: RowMarks = new Map();
  if (text === undefined || text === "") return marks;
  for (const part of text.split(",")) {
    const found = /^(\d{1,15}):(\d{1,15})$/.exec(part);
    if (found === null)
      throw new AppError("invalid", "the Last-Event-ID is not one of this stream; leave it out to begin at the start");
    marks.set(Number(found[1]), Number(found[2]));
  }
  return marks;
}

function marksText(marks: RowMarks): string {
  return [...marks].map(([task, next]) => `${task}:${next}`).join(",");
}

/**
 * Changes of a run as events: `run`, `job`, `step`, `log` (rows of one job), and `end` as the last one. The ids of
 * `log` events hold how far each task was read, so that a client that connects again misses nothing.
 */
export async function* runEvents(
  changes: AsyncIterable<RunChange>,
  repository: Repository,
  publicUrl: string,
  marks: RowMarks,
): AsyncGenerator<StreamEvent> {
  for await (const change of changes) {
    switch (change.kind) {
      case "run": {
        const ended = isConclusion(change.run.status);
        yield { event: ended ? "end" : "run", data: plain(runJson(change.run, repository, publicUrl)) };
        break;
      }
      case "job":
        yield { event: "job", data: plain(jobJson(change.view, repository, publicUrl)) };
        break;
      case "step":
        yield { event: "step", data: { job_id: change.jobId, ...stepJson(change.step) } };
        break;
      case "rows": {
        const rows = change.rows.map(({ index, time, content }) => ({
          index,
          time: new Date(time).toISOString(),
          content,
        }));
        yield { event: "log", id: marksText(marks), data: { job_id: change.jobId, task_id: change.taskId, rows } };
      }
    }
  }
}

/** The shapes hold nothing but JSON; their types are wider only in `readonly` and optional keys. */
function plain(shape: object): JsonValue {
  return shape as JsonValue;
}
