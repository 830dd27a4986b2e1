import { AppError, toAppError } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { artifactV3Endpoint } from "./artifact-v3-endpoints.ts";
import { blobEndpoint } from "./blob-endpoint.ts";
import { cacheV1Endpoint } from "./cache-v1-endpoints.ts";
import { Exchange, type RawExchange } from "./exchange.ts";
import type { Endpoint, Services } from "./services.ts";
import { summaryEndpoint } from "./summary-endpoint.ts";
import { twirpEndpoint } from "./twirp-endpoint.ts";

/** Prefixes below which everything here lies; the first is where `ACTIONS_RUNTIME_URL` points. */
export const JOB_SERVICE_PREFIXES = ["/api/actions_pipeline", "/api/actions_results", "/_apis", "/twirp"] as const;

/** Every endpoint by the form of its path (workflow-semantics §3.21). */
const ENDPOINTS: readonly (readonly [RegExp, Endpoint])[] = [
  [/^\/twirp\/github\.actions\.results\.api\.v1\.(\w+)\/(\w+)$/, twirpEndpoint],
  [/^\/api\/actions_results\/blobs\//, blobEndpoint],
  [/\/_apis\/artifactcache\/(cache|caches)(?:\/(\d{1,15}))?$/, cacheV1Endpoint],
  [/\/_apis\/pipelines\/workflows\/(\d+)\/jobs\/(\d+)\/steps\/(\d{1,6})\/summary$/, summaryEndpoint],
  [/\/_apis\/pipelines\/workflows\/(\d+)\/artifacts(?:\/(\d{1,15})\/(\w+))?$/, artifactV3Endpoint],
];

/** Answers a request below one of the prefixes; never rejects. */
export async function serveJobServices(services: Services, raw: RawExchange, log: Logger): Promise<void> {
  const exchange = new Exchange(raw, services.clock.now());
  try {
    for (const [form, endpoint] of ENDPOINTS) {
      const match = form.exec(exchange.path);
      if (match !== null) return await endpoint(services, exchange, match);
    }
    throw new AppError("not_found", `there is no ${exchange.method} ${exchange.path}`);
  } catch (thrown) {
    if (exchange.signal.aborted) return;
    const error = toAppError(thrown);
    if (error.code === "internal")
      log.error({ path: exchange.path, err: thrown }, "a job's request failed unexpectedly");
    exchange.refuse(error, refusalBody);
  }
}

/** Twirp's shape, which the clients of protocol 4 show; `message` is what the older ones look for. */
function refusalBody({ code, message }: AppError) {
  return { code: TWIRP_CODES[code] ?? code, msg: message, message };
}

/** Twirp's words, where they differ from ours. */
const TWIRP_CODES: Readonly<Record<string, string>> = {
  invalid: "invalid_argument",
  forbidden: "permission_denied",
  conflict: "already_exists",
  exhausted: "resource_exhausted",
  timeout: "deadline_exceeded",
};
