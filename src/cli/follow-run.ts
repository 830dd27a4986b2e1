import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Colours } from "./colours.ts";
import type { JobLines } from "./job-lines.ts";
import { parseLogRow } from "./render-log-line.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestJob, RestRun } from "./rest-types.ts";
import { spent } from "./run-tables.ts";
import { plainText } from "./sanitize.ts";
import { readServerEvents, type ServerEvent } from "./server-events.ts";
import { isDone, statePaint, stateWord } from "./state-words.ts";

/** Pause before the stream is opened again. */
const RETRY_MS = 500;
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
  const view = new RunView(options);
  let answeredAt = clock.now();
  for (;;) {
    try {
      for await (const event of openStream(options, view.lastEventId)) {
        answeredAt = clock.now();
        const run = await view.take(event);
        if (run === undefined) continue;
        const jobs = await client.list<RestJob>(`${actions}/runs/${runId}/jobs`, "jobs", { signal });
        return { run, jobs, lastError: (job) => view.lastError(job.id) };
      }
    } catch (error) {
      if (signal.aborted) throw new AppError("cancelled", "no longer following", error);
      const passing = !(error instanceof AppError) || error.code === "unavailable" || error.code === "timeout";
      if (!passing || clock.now() - answeredAt > AWAY_LIMIT_MS) throw error;
    }
    await clock.sleep(RETRY_MS, { signal }).catch((error: unknown) => {
      throw new AppError("cancelled", "no longer following", error);
    });
  }
}

async function* openStream(options: FollowOptions, lastEventId: string | undefined): AsyncGenerator<ServerEvent> {
  const { client, actions, runId, signal } = options;
  const headers = {
    accept: "text/event-stream",
    ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
  };
  const response = await client.open("GET", `${actions}/runs/${runId}/events`, { headers, signal });
  if (response.body !== null) yield* readServerEvents(response.body);
}

/** What was shown of a run so far. */
class RunView {
  lastEventId: string | undefined;
  readonly #options: FollowOptions;
  readonly #jobs = new Map<number, RestJob>();
  readonly #shown = new Map<number, string>();
  readonly #lastErrors = new Map<number, string>();

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  lastError(jobId: number): string | undefined {
    return this.#lastErrors.get(jobId);
  }

  /** Prints the news of an event; gives the run when it was the last one. */
  async take({ event, id, data }: ServerEvent): Promise<RestRun | undefined> {
    this.lastEventId = id;
    switch (event) {
      case "job":
        this.#showState(JSON.parse(data) as RestJob);
        return undefined;
      case "log": {
        const { job_id, rows } = JSON.parse(data) as { job_id: number; rows: readonly { content: string }[] };
        await this.#showRows(job_id, rows);
        return undefined;
      }
      case "error":
        throw new AppError("unavailable", String((JSON.parse(data) as { message?: unknown }).message));
      default:
        return event === "end" ? (JSON.parse(data) as RestRun) : undefined;
    }
  }

  #isWanted({ id, name }: RestJob): boolean {
    const { job } = this.#options;
    return job === undefined || job === name || job === String(id);
  }

  async #showRows(jobId: number, rows: readonly { readonly content: string }[]): Promise<void> {
    const { client, actions, lines, signal } = this.#options;
    let job = this.#jobs.get(jobId);
    if (job === undefined) {
      job = await client.request<RestJob>("GET", `${actions}/jobs/${jobId}`, { signal });
      if (!isDone(job)) this.#showState(job);
      this.#jobs.set(jobId, job);
    }
    for (const { content } of rows) {
      const row = parseLogRow(content);
      if (row.kind === "error") this.#lastErrors.set(jobId, plainText(row.text));
      if (this.#isWanted(job)) lines.row(job.name, content);
    }
  }

  #showState(job: RestJob): void {
    const { lines, colours, clock } = this.#options;
    this.#jobs.set(job.id, job);
    if (!this.#isWanted(job)) return;
    lines.announce([job.name]);
    const text = isDone(job) ? endText(job, clock.now()) : startText(job);
    if (this.#shown.get(job.id) === text) return;
    this.#shown.set(job.id, text);
    lines.remark(job.name, text, isDone(job) ? statePaint(job, colours) : colours.dim);
  }
}

function startText(job: RestJob): string {
  const word = stateWord(job);
  if (word === "queued") return `waiting for a runner with ${job.labels.join(", ")}`;
  if (word === "waiting") return "waiting for other jobs";
  return word === "in progress" && job.runner_name ? `running on ${job.runner_name}` : word;
}

function endText(job: RestJob, now: number): string {
  const time = spent(job, now);
  const why = job.message ? ` (${job.message})` : "";
  return `${stateWord(job)}${time === "-" ? "" : ` in ${time}`}${why}`;
}
