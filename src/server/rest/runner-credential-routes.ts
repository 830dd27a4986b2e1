import { z } from "zod";
import { actorOf } from "./authenticate.ts";
import { id, PLACES } from "./places.ts";
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

/** Tokens of runners that exist, at the server, an owner, the caller and a repository. */
export function runnerCredentialRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
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
        const { token, oldUntil, told } = await deps.runnerAdmin.rotateToken(
          scope,
          runner_id,
          options,
          actorOf(request),
        );
        return {
          token: told && !reveal ? null : token,
          delivery: told ? ("server" as const) : ("caller" as const),
          old_expires_at: timeText(oldUntil),
        };
      },
    );
  }
}
