import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { isConclusion } from "../domain/run.ts";
import type { JobView } from "../services/jobs.ts";
import { type NumberedRow, requireTask, stepRange } from "../services/run-logs.ts";
import { watchRun } from "../services/watch-run.ts";
import { authenticateHook } from "./authenticate.ts";
import { type StreamEvent, sendEvents } from "./event-stream.ts";
import { id, openRepository, repoPath } from "./places.ts";
import { replySignal } from "./reply-signal.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { parseMarks, runEvents } from "./run-events.ts";
import { openRun } from "./run-routes.ts";
import { statusWords } from "./status-words.ts";

const base = "/repos/:owner/:repo/actions";
const count = z.coerce.number().int().min(0);
const logQuery = z.object({
  /** First row, from 0. */
  from: count.optional(),
  /** The same under another name. */
  offset: count.optional(),
  /** Most rows. */
  limit: count.optional(),
  /** Only so many rows at the end. */
  tail: count.optional(),
  /** Only the rows of this step, from 1. */
  step: z.coerce.number().int().min(1).optional(),
  attempt: z.coerce.number().int().min(1).optional(),
});
/** How often a stream looks whether the job got a task. */
const LOOK_MS = 500;

/** Logs: as text, as a stream of one job, as a stream of a whole run. */
export function logRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    `${base}/jobs/:job_id/logs`,
    {
      schema: {
        tags: ["jobs"],
        summary: "Log of a job, with timestamps; with Accept: text/event-stream as it comes",
        params: repoPath.extend({ job_id: id }),
        querystring: logQuery,
        response: {
          200: { content: { "text/plain": { schema: z.string() }, "text/event-stream": { schema: z.string() } } },
        },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "read");
      const view = await deps.jobs.get(repository, request.params.job_id);
      if (wantsEvents(request)) {
        const from = resumeIndex(request) ?? request.query.from ?? request.query.offset ?? 0;
        return await stream(deps, request, reply, (signal) => jobEvents(deps, repository, view, from, signal));
      }
      return await sendText(deps, reply, view, request.query);
    },
  );
  app.get(
    `${base}/runs/:run/events`,
    {
      schema: {
        tags: ["runs"],
        summary: "States and log rows of a run as they come (text/event-stream)",
        params: repoPath.extend({ run: id }),
        response: { 200: { content: { "text/event-stream": { schema: z.string() } } } },
      },
    },
    async (request, reply) => {
      const { repository, run } = await openRun(deps, request, "read");
      const last = request.headers["last-event-id"];
      const marks = parseMarks(typeof last === "string" ? last : undefined);
      return await stream(deps, request, reply, (signal) => {
        const changes = watchRun(deps, repository, run.id, signal, marks);
        return runEvents(changes, repository, deps.publicUrl(), marks);
      });
    },
  );
}

function stream(
  deps: RestDeps,
  request: FastifyRequest<{ Params: { owner: string; repo: string } }>,
  reply: FastifyReply,
  events: (signal: AbortSignal) => AsyncIterable<StreamEvent>,
) {
  const signal = AbortSignal.any([replySignal(reply), deps.closing]);
  const authenticate = authenticateHook(deps);
  const admit = async () => {
    await authenticate(request);
    await openRepository(deps, request, request.params, "read");
  };
  return sendEvents(reply, events, { clock: deps.clock, signal, admit });
}

function wantsEvents(request: FastifyRequest): boolean {
  return request.headers.accept?.includes("text/event-stream") === true;
}

/** The row after the one that the client saw last. */
function resumeIndex(request: FastifyRequest): number | undefined {
  const last = request.headers["last-event-id"];
  if (typeof last !== "string") return undefined;
  if (/^\d{1,15}$/.test(last)) return Number(last) + 1;
  throw new AppError("invalid", "the Last-Event-ID is not a row number; leave it out to begin at the start");
}

async function sendText(deps: RestDeps, reply: FastifyReply, view: JobView, query: z.infer<typeof logQuery>) {
  const task = requireTask(await deps.jobs.taskOf(view.job, query.attempt), view.job);
  const steps = query.step === undefined ? undefined : stepRange(task.steps, query.step);
  const { rows, expired } = await deps.logs.state(task.id);
  if (expired) throw new AppError("not_found", `the log of job ${view.job.id} was deleted because of its age`);
  const first = steps?.from ?? 0;
  const end = Math.min(rows, first + (steps?.limit ?? Number.POSITIVE_INFINITY));
  const tail = query.tail === undefined ? first : Math.max(first, end - query.tail);
  const from = Math.max(tail, first + (query.from ?? query.offset ?? 0));
  const limit = Math.min(query.limit ?? Number.POSITIVE_INFINITY, Math.max(0, end - from));
  reply.header("x-log-rows", String(rows));
  const text = deps.logs.text(task.id, { from, limit, signal: replySignal(reply) });
  return reply.type("text/plain; charset=utf-8").send(Readable.from(text, { objectMode: false }));
}

/** Rows of a job from its first task on, then its end. */
async function* jobEvents(
  deps: RestDeps,
  repository: Repository,
  seen: JobView,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  let view = seen;
  while (view.task === undefined && !isConclusion(view.job.status)) {
    await deps.clock.sleep(LOOK_MS, { signal });
    view = await deps.jobs.get(repository, view.job.id);
  }
  if (view.task !== undefined) {
    for await (const row of deps.logs.tail(view.task.id, { from, signal })) {
      yield {
        event: "row",
        id: String(row.index),
        data: { index: row.index, time: rowTime(row), content: row.content },
      };
    }
  }
  const { job } = await deps.jobs.get(repository, view.job.id);
  yield { event: "end", data: { ...statusWords(job.status), message: job.message } };
}

function rowTime(row: NumberedRow): string {
  return new Date(row.time).toISOString();
}
