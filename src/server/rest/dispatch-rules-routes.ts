import { z } from "zod";
import type { DispatchRules } from "../domain/dispatch-rules.ts";
import { actorOf, callerOf } from "./authenticate.ts";
import { openRepository, repoPath } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";

const LONGEST_WAIT_S = 24 * 60 * 60;

const rulesShape = z.object({
  /** Share of the free slots against other repositories; only administrators may change it. */
  weight: z.number().min(0.01).max(1_000),
  /** A label, such as a region, that runners should have for the jobs of the repository. */
  preferred_label: z.string().min(1).max(255).nullable(),
  /** Seconds that a job waits for a runner with that label before any other may take it. */
  preferred_wait: z.number().min(0).max(LONGEST_WAIT_S),
  /** Whether a job whose runner was lost or deleted waits for another one. */
  requeue: z.enum(["never", "unstarted", "always"]),
});

const url = "/repos/:owner/:repo/actions/dispatch-rules";
const tags = ["repositories"];

/** How the jobs of a repository are handed out. */
export function dispatchRulesRoutes(app: RestApp, deps: RestDeps): void {
  const schema = { tags, params: repoPath, response: { 200: rulesShape } };
  app.get(url, { schema: { ...schema, summary: "How the repository's jobs are handed out" } }, async (request) =>
    rulesJson(await deps.dispatchRules.get(await openRepository(deps, request, request.params, "read"))),
  );
  app.patch(
    url,
    {
      schema: {
        ...schema,
        ...{
          summary: "Changes how the repository's jobs are handed out",
          body: z.strictObject(rulesShape.partial().shape),
        },
      },
    },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "owner");
      const { weight, preferred_label: preferredLabel, preferred_wait: wait, requeue } = request.body;
      const patch = {
        ...(weight === undefined ? {} : { weight }),
        ...(preferredLabel === undefined ? {} : { preferredLabel }),
        ...(wait === undefined ? {} : { preferredWaitMs: Math.round(wait * 1000) }),
        ...(requeue === undefined ? {} : { requeue }),
      };
      const admin = callerOf(request).grant.kind === "admin";
      return rulesJson(await deps.dispatchRules.update(repository, patch, admin, actorOf(request)));
    },
  );
}

function rulesJson(rules: DispatchRules): z.infer<typeof rulesShape> {
  const { weight, preferredLabel, preferredWaitMs, requeue } = rules;
  return { weight, preferred_label: preferredLabel, preferred_wait: preferredWaitMs / 1000, requeue };
}
