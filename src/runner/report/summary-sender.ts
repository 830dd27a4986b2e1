import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Logger } from "../../lib/logger.ts";
import type { JobEvent } from "../engine/job-event.ts";

/** What summaries are sent with. */
export interface SummarySenderOptions {
  /** Address of the instance, without a slash at its end. */
  readonly instance: string;
  readonly insecure: boolean;
  readonly runId: string;
  /** `ACTIONS_RUNTIME_TOKEN`; a JWT, whose claim JobID is the job's id on the server. */
  readonly token: string;
  readonly task: string;
  readonly logger: Logger;
}

/** As often as Gitea's runner tries. */
const TRIES = 2;
const TIMEOUT_MS = 10_000;

/** Sends what steps wrote to GITHUB_STEP_SUMMARY, step by step, beside the job. A summary that is lost fails nothing. */
export class SummarySender {
  readonly #options: SummarySenderOptions;
  readonly #jobId: string | undefined;
  /** The stages of a step, and the steps inside of a composite, add to one summary. */
  readonly #texts = new Map<number, string>();
  #sending: Promise<void> = Promise.resolve();

  constructor(options: SummarySenderOptions) {
    this.#options = options;
    this.#jobId = jobIdOf(options.token);
  }

  /** Takes the job's events, secrets already replaced. */
  take(event: JobEvent): void {
    if (event.type !== "summary" || this.#jobId === undefined) return;
    const { step } = event;
    this.#texts.set(step, `${this.#texts.get(step) ?? ""}${event.markdown}`);
    this.#sending = this.#sending.then(() => this.#send(step));
  }

  /** Waits until all is sent; to be called before the result, with which the token dies. */
  async finish(): Promise<void> {
    await this.#sending;
  }

  async #send(step: number): Promise<void> {
    const { instance, runId, task, logger } = this.#options;
    const job = `${instance}/api/actions_pipeline/_apis/pipelines/workflows/${runId}/jobs/${this.#jobId}`;
    for (let tries = 1; ; tries += 1) {
      const status = await this.#put(`${job}/steps/${step}/summary`, this.#texts.get(step) ?? "");
      if (status >= 200 && status < 300) return;
      if (tries < TRIES && (status === 0 || status >= 500)) continue;
      logger.warn({ task, step, status }, "a step summary was not taken by the server");
      return;
    }
  }

  /** The status of the answer; 0 when there was none. */
  #put(address: string, text: string): Promise<number> {
    const { token, insecure } = this.#options;
    const url = new URL(address);
    const body = Buffer.from(text);
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "text/markdown; charset=utf-8",
      "content-length": body.length,
    };
    return new Promise((resolve) => {
      const options = { method: "PUT", headers, timeout: TIMEOUT_MS };
      const outgoing =
        url.protocol === "https:"
          ? httpsRequest(url, { ...options, rejectUnauthorized: !insecure })
          : httpRequest(url, options);
      outgoing.once("response", (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      outgoing.once("timeout", () => outgoing.destroy());
      outgoing.once("error", () => resolve(0));
      outgoing.once("close", () => resolve(0));
      outgoing.end(body);
    });
  }
}

/** The claim JobID, read without a check: it only names the place where the server checks the token. */
function jobIdOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const id = typeof claims === "object" && claims !== null && "JobID" in claims ? claims.JobID : undefined;
    return typeof id === "number" ? String(id) : undefined;
  } catch {
    return undefined;
  }
}
