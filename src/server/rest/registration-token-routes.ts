import { z } from "zod";
import { actorOf } from "./authenticate.ts";
import { PLACES } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

const limits = z.strictObject({
  /** When it ends. @default never */
  expires_at: z.iso.datetime({ offset: true }).optional(),
  /** How many runners may register with it. @default any number */
  uses: z.number().int().min(1).max(1_000_000).optional(),
  /** Networks that runners may register from, such as `10.0.0.0/8`. @default all */
  cidrs: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .max(100)
    .optional(),
});

const made = z.object({
  token: z.string(),
  expires_at: z.string().nullable(),
  uses: z.number().nullable(),
  cidrs: z.array(z.string()),
});

/** Registration tokens with limits, beside the current one of each scope; shown once. */
export function registrationTokenRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    app.post(
      `${place.prefix}/runners/registration-tokens`,
      {
        schema: {
          tags: ["runners"],
          summary:
            "Makes a registration token with an end, a number of uses or a list of networks; it is shown this once",
          ...{ params: place.params, body: limits, response: { 201: made } },
        },
      },
      async (request, reply) => {
        const scope = await place.open(deps, request, "owner");
        const { expires_at: end, uses, cidrs } = request.body;
        const { token, row } = await deps.registrationTokens.create(
          scope,
          {
            ...(end === undefined ? {} : { expiresAt: Date.parse(end) }),
            ...(uses === undefined ? {} : { uses }),
            ...(cidrs === undefined ? {} : { cidrs }),
          },
          actorOf(request),
        );
        const expires = row.expiresAt === null ? null : timeText(row.expiresAt);
        return await reply.code(201).send({ token, expires_at: expires, uses: row.usesLeft, cidrs: [...row.cidrs] });
      },
    );
  }
}
