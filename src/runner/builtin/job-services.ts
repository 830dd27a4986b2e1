import { AppError } from "../../lib/errors.ts";
import type { StageScope } from "../engine/step-handler.ts";
import { ServiceClient } from "./service-client.ts";

/** The services of a job as its own steps find them, called by the runner. */
export interface JobServices {
  readonly client: ServiceClient;
  /** `ACTIONS_RUNTIME_TOKEN`. */
  readonly token: string;
  /** `ACTIONS_RESULTS_URL` without a slash at its end; empty where there is none. */
  readonly results: string;
  /** `ACTIONS_CACHE_URL`; empty where there is none. */
  readonly cache: string;
  /** Caches are called by protocol 2. */
  readonly cacheV2: boolean;
  /** Calls a Twirp method of GitHub's results service. @throws AppError with what the server says */
  call(method: `${string}/${string}`, message: object): Promise<Readonly<Record<string, unknown>>>;
}

/** Reads the addresses and the token from the step's variables. */
export async function openJobServices(scope: StageScope): Promise<JobServices> {
  const { clock, ids, signal, insecure } = scope;
  const env = await scope.env();
  const get = (name: string) => env[name] ?? "";
  const client = new ServiceClient({ clock, ids, signal, insecure });
  const token = get("ACTIONS_RUNTIME_TOKEN");
  const results = get("ACTIONS_RESULTS_URL").replace(/\/+$/, "");
  return {
    ...{ client, token, results },
    cache: get("ACTIONS_CACHE_URL"),
    cacheV2: get("ACTIONS_CACHE_SERVICE_V2") !== "",
    call: async (method, message) => {
      if (results === "" || token === "") {
        throw new AppError("unavailable", "the server offers neither artifacts nor caches to this job");
      }
      return await client.json({
        method: "POST",
        url: `${results}/twirp/github.actions.results.api.v1.${method}`,
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(message),
      });
    },
  };
}
