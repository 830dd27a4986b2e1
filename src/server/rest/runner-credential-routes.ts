import { z } from "zod";
import { actorOf } from "./authenticate.ts";
import { id, PLACES, type Place } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

const LONGEST_OVERLAP_S = 30 * 24 * 60 * 60;

const rotation = z
  .strictObject({
    /** How long the old token works beside the new one, at the most; 0 ends it at once. */
    overlap_seconds: z.number().int().min(0).max(LONGEST_OVERLAP_S).optional(),
    /** Show the token although the server tells the runner by itself. */
    reveal: z.boolean().optional(),
  })
  .nullish();

const rotated = z.object({
  /** The new token, shown here alone; null where the server tells the runner by itself. */
  token: z.string().nullable(),
  /** Who brings the token to the runner. */
  delivery: z.enum(["server", "caller"]),
  /** The old token works until the new one is used, or until then. */
  old_expires_at: z.string(),
});

const oneJob = z.strictObject({
  name: z.string().max(255).optional(),
  /** Those of the job where they are left out. */
  labels: z.array(z.string()).optional(),
  /** The only job that the runner may do. */
  job_id: z.number().int().min(1).optional(),
  /** How long no other runner gets that job; 0 keeps it for nobody. */
  reserve_seconds: z.number().int().min(0).max(3_600).default(300),
  /** The credential ends when it was not used by then. */
  expires_in_seconds: z.number().int().min(1).max(604_800).default(3_600),
});

const credential = z.object({
  id: z.number(),
  uuid: z.string(),
  /** Shown this once. */
  token: z.string(),
  labels: z.array(z.string()),
  job_id: z.number().nullable(),
  /** It ends when it was not used by then. */
  expires_at: z.string(),
});

/** Tokens of runners, and credentials for one job, at the server, an owner, the caller and a repository. */
export function runnerCredentialRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    oneJobRoute(app, deps, place);
    rotationRoute(app, deps, place);
  }
}

function oneJobRoute(app: RestApp, deps: RestDeps, place: Place): void {
  app.post(
    `${place.prefix}/runners/one-job`,
    {
      schema: {
        tags: ["runners"],
        summary: "Makes a runner that takes one job and is gone after it; its token is shown this once",
        ...{ params: place.params, body: oneJob, response: { 201: credential } },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      const { name, labels, job_id: jobId, reserve_seconds, expires_in_seconds } = request.body;
      const times = { reserveMs: reserve_seconds * 1000, unusedMs: expires_in_seconds * 1000 };
      const made = await deps.oneJobRunners.create(scope, { name, labels, jobId, ...times }, actorOf(request));
      const { id: runnerId, uuid, boundJobId, unusedUntil } = made.runner;
      return reply.code(201).send({
        ...{ id: runnerId, uuid, token: made.token, labels: [...made.runner.labels] },
        ...{ job_id: boundJobId, expires_at: timeText(unusedUntil ?? 0) },
      });
    },
  );
}

function rotationRoute(app: RestApp, deps: RestDeps, place: Place): void {
  app.post(
    `${place.prefix}/runners/:runner_id/rotate-token`,
    {
      schema: {
        tags: ["runners"],
        summary: "Gives a runner a new token; the old one works until the new one is used, or the overlap is over",
        ...{ params: place.params.extend({ runner_id: id }), body: rotation, response: { 200: rotated } },
      },
    },
    async (request) => {
      const scope = await place.open(deps, request, "owner");
      const { overlap_seconds: overlap, reveal = false } = request.body ?? {};
      const options = overlap === undefined ? {} : { overlapMs: overlap * 1000 };
      const { runner_id } = request.params;
      const { token, oldUntil, told } = await deps.runnerAdmin.rotateToken(scope, runner_id, options, actorOf(request));
      return {
        token: told && !reveal ? null : token,
        delivery: told ? ("server" as const) : ("caller" as const),
        old_expires_at: timeText(oldUntil),
      };
    },
  );
}
