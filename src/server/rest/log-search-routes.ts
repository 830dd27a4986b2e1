import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { FoundRow, SearchEnd } from "../services/log-search.ts";
import { id, repoPath } from "./places.ts";
import { replySignal } from "./reply-signal.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { openRun } from "./run-routes.ts";

const MOST_MATCHES = 10_000;
/** Lines are sent in pieces of this size, because a piece per row costs more than the row. */
const PIECE_CHARS = 16 * 1024;

const query = z.object({
  /** The text, taken literally. */
  q: z.string(),
  /** Upper and lower case are the same. */
  ignore_case: z.enum(["true", "false"]).default("false"),
  /** Only this job. */
  job_id: id.optional(),
  /** Most rows. */
  limit: z.coerce.number().int().min(1).max(MOST_MATCHES).default(1_000),
});

/** The search in the logs of a run: one JSON object a line, and a last one that tells how it went. */
export function logSearchRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    "/repos/:owner/:repo/actions/runs/:run/logs/search",
    {
      schema: {
        tags: ["runs"],
        summary: "Rows of a run's logs that hold a text: one JSON object a line, then how the search went",
        ...{ params: repoPath.extend({ run: id }), querystring: query },
        response: { 200: { content: { "application/x-ndjson": { schema: z.string() } } } },
      },
    },
    async (request, reply) => {
      const { run } = await openRun(deps, request, "read");
      const { q: text, ignore_case: ignore, job_id: jobId, limit } = request.query;
      const all = await deps.jobs.plainOfRun(run.id);
      const jobs = jobId === undefined ? all : all.filter((job) => job.id === jobId);
      if (jobId !== undefined && jobs.length === 0) {
        throw new AppError("not_found", `run ${run.id} has no job ${jobId}`);
      }
      const signal = AbortSignal.any([replySignal(reply), deps.closing]);
      const found = deps.logSearch.search(jobs, { text, ignoreCase: ignore === "true" }, { limit, signal });
      // nginx holds answers back otherwise.
      reply.header("x-accel-buffering", "no");
      const lines = Readable.from(jsonLines(found), { objectMode: false });
      return sendLines(reply, lines);
    },
  );
}

function sendLines(reply: FastifyReply, lines: Readable): FastifyReply {
  return reply.type("application/x-ndjson; charset=utf-8").send(lines);
}

async function* jsonLines(found: AsyncGenerator<FoundRow, SearchEnd>): AsyncGenerator<string> {
  let piece = "";
  try {
    for (;;) {
      const { done, value } = await found.next();
      piece += `${JSON.stringify(done ? endJson(value) : rowJson(value))}\n`;
      if (!done && piece.length < PIECE_CHARS) continue;
      yield piece;
      piece = "";
      if (done) return;
    }
  } catch (error) {
    yield `${piece}${JSON.stringify({ error: toAppError(error).message })}\n`;
  } finally {
    await found.return({ matches: 0, searchedRows: 0, stoppedBy: null });
  }
}

function rowJson({ job, match }: FoundRow) {
  const { row, time, column, content } = match;
  return { job_id: job.id, job: job.name, row, time: new Date(time).toISOString(), column, content };
}

function endJson({ matches, searchedRows, stoppedBy }: SearchEnd) {
  return { matches, searched_rows: searchedRows, stopped_by: stoppedBy };
}
