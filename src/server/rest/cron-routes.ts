import { z } from "zod";
import type { CronView } from "../services/cron-runner.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { PLACES } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

/** Gitea's Cron, with what the last run did. */
const cronShape = z.object({
  name: z.string(),
  /** Empty: only on request. */
  schedule: z.string(),
  next: z.string().nullable(),
  /** When the last run began. */
  prev: z.string().nullable(),
  exec_times: z.number(),
  running: z.boolean(),
  /** What the last run did. */
  outcome: z.string().nullable(),
});

/** The periodic jobs of the server, for administrators. */
export function cronRoutes(app: RestApp, deps: RestDeps): void {
  const [admin] = PLACES;
  const schema = { tags: ["server"] };
  app.get(
    "/admin/cron",
    { schema: { ...schema, summary: "Periodic jobs", querystring: pageQuery, response: { 200: z.array(cronShape) } } },
    async (request, reply) => {
      await admin?.open(deps, request, "read");
      const all = await deps.crons.list();
      const { page, limit } = request.query;
      setTotal(request, reply, deps.publicUrl(), request.query, all.length);
      return all.slice((page - 1) * limit, page * limit).map(cronJson);
    },
  );
  app.post(
    "/admin/cron/:task",
    {
      schema: {
        ...{ ...schema, summary: "Begins a periodic job now" },
        ...{ params: z.object({ task: z.string().max(64) }), response: { 204: z.null() } },
      },
    },
    async (request, reply) => {
      await admin?.open(deps, request, "owner");
      await deps.crons.runNow(request.params.task);
      return reply.code(204).send(null);
    },
  );
}

function cronJson({ name, schedule, next, state }: CronView): z.infer<typeof cronShape> {
  return {
    ...{ name, schedule: schedule?.text ?? "", next: timeText(next), prev: timeText(state?.startedAt ?? null) },
    ...{ exec_times: state?.runs ?? 0, running: state?.running ?? false, outcome: state?.outcome ?? null },
  };
}
