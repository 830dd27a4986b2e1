import { AppError } from "../lib/errors.ts";
import { artifactCalls } from "./artifact-v4-endpoints.ts";
import { cacheCalls } from "./cache-v2-endpoints.ts";
import { MessageFields } from "./message-fields.ts";
import type { Endpoint } from "./services.ts";

/** Twirp in JSON: `POST /twirp/github.actions.results.api.v1.<Service>/<Method>`. */
export const twirpEndpoint: Endpoint = async (services, exchange, match) => {
  const [, service, method = ""] = match;
  const { artifacts, caches } = services;
  const job = await services.tokens.identify(exchange.token());
  const fields = new MessageFields(await exchange.json());
  const run = fields.optionalText("workflow_run_backend_id");
  if (run !== undefined && run !== String(job.runId)) {
    throw new AppError("forbidden", `the token does not belong to run ${run}`);
  }
  const answer = async () => {
    if (service === "ArtifactService" && artifacts !== undefined && Object.hasOwn(artifactCalls, method)) {
      return await artifactCalls[method]?.({ ...services, artifacts }, job, fields, exchange.base);
    }
    if (service === "CacheService" && caches !== undefined && Object.hasOwn(cacheCalls, method)) {
      return await cacheCalls[method]?.({ ...services, caches }, job, fields, exchange.base);
    }
    throw new AppError("not_found", `there is no method ${service}/${method}`);
  };
  exchange.sendJson(200, await answer());
};
