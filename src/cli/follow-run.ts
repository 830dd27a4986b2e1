import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Colours } from "./colours.ts";
import type { JobLines } from "./job-lines.ts";
import { JobLog } from "./job-log.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestJob, RestRun } from "./rest-types.ts";
import { spent } from "./run-tables.ts";
import { isDone, statePaint, stateWord } from "./state-words.ts";

/** How often the server is asked while nothing is new. */
const PAUSE_MS = 500;
/** How long a server that went away is waited for. */
const AWAY_LIMIT_MS = 60_000;

/** Which run is followed, and how. */
export interface FollowOptions {
  readonly client: RestClient;
  /** `/repos/{owner}/{name}/actions`. */
  readonly actions: string;
  readonly runId: number;
  /** Only the job of this name or id. */
  readonly job?: string | undefined;
  readonly lines: JobLines;
  readonly colours: Colours;
  readonly clock: Clock;
  /** Ends the following; the run goes on. */
  readonly signal: AbortSignal;
}

/** How a followed run ended. */
export interface FollowedRun {
  readonly run: RestRun;
  readonly jobs: readonly RestJob[];
  /** Text of the last error row of a job. */
  readonly lastError: (job: RestJob) => string | undefined;
}

/** Prints what the jobs of a run say until the run is done. Throws `cancelled` when the signal aborts. */
export async function followRun(options: FollowOptions): Promise<FollowedRun> {
  const { client, actions, runId, clock, signal } = options;
  const views = new Map<number, JobView>();
  let answeredAt = clock.now();
  for (;;) {
    try {
      // The run is read before its jobs: when it is done, the jobs read afterwards are final.
      const run = await client.request<RestRun>("GET", `${actions}/runs/${runId}`, { signal });
      const all = await client.list<RestJob>(`${actions}/runs/${runId}/jobs`, "jobs", { signal });
      const jobs = all.filter(
        ({ id, name }) => options.job === undefined || name === options.job || String(id) === options.job,
      );
      options.lines.announce(jobs.map(({ name }) => name));
      for (const job of jobs) await show(job, views, options);
      answeredAt = clock.now();
      if (isDone(run)) return { run, jobs, lastError: (job) => views.get(job.id)?.log.lastError };
    } catch (error) {
      if (signal.aborted) throw new AppError("cancelled", "no longer following", error);
      if (!isAway(error) || clock.now() - answeredAt > AWAY_LIMIT_MS) throw error;
    }
    await clock.sleep(PAUSE_MS, { signal }).catch((error: unknown) => {
      throw new AppError("cancelled", "no longer following", error);
    });
  }
}

interface JobView {
  readonly log: JobLog;
  word: string;
  ended: boolean;
}

/** Prints the news of one job: its new rows, then its new state. */
async function show(job: RestJob, views: Map<number, JobView>, options: FollowOptions): Promise<void> {
  const { client, actions, lines, colours, signal, clock } = options;
  let view = views.get(job.id);
  if (view === undefined) {
    view = { log: new JobLog(client, `${actions}/jobs/${job.id}`), word: "", ended: false };
    views.set(job.id, view);
  }
  if (view.ended) return;
  const word = stateWord(job);
  const done = isDone(job);
  if (!done && word !== view.word) lines.remark(job.name, startText(job, word), colours.dim);
  if (job.started_at && Date.parse(job.started_at) > 0) {
    for await (const row of view.log.newRows(signal)) lines.row(job.name, row);
  }
  if (done) {
    const time = spent(job, clock.now());
    const why = job.message ? ` (${job.message})` : "";
    lines.remark(job.name, `${word}${time === "-" ? "" : ` in ${time}`}${why}`, statePaint(job, colours));
  }
  view.word = word;
  view.ended = done;
}

function startText(job: RestJob, word: string): string {
  if (word === "queued") return `waiting for a runner with ${job.labels.join(", ")}`;
  if (word === "waiting") return "waiting for other jobs";
  return word === "in progress" && job.runner_name ? `running on ${job.runner_name}` : word;
}

function isAway(error: unknown): boolean {
  return error instanceof AppError && (error.code === "unavailable" || error.code === "timeout");
}
