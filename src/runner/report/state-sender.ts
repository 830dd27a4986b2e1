import { backOffMs } from "../../lib/back-off.ts";
import { WakeUp } from "../../lib/wake-up.ts";
import { Result, type UpdateTaskResponse } from "../../protocol/messages.ts";
import { classifyCallError } from "../call-failure.ts";
import type { FlushEnd } from "./log-sender.ts";
import { Outage } from "./outage.ts";
import type { ReportParts } from "./report-parts.ts";
import type { TaskProgress } from "./task-progress.ts";

/** A server that never confirms an output is asked so often in the last report. */
const MAX_OUTPUT_TRIES = 5;

/**
 * Tells the server the task's state: when a step changes at once, else as a heartbeat. The answers carry the only word
 * of a cancel. Outputs are repeated until they are confirmed.
 */
export class StateSender {
  readonly #parts: ReportParts;
  readonly #progress: TaskProgress;
  readonly #onServerResult: (result: Result) => void;
  readonly #outputs = new Map<string, string>();
  readonly #wake = new WakeUp();
  readonly #outage: Outage;

  /** @param onServerResult called when the server has ended the task by itself, perhaps several times */
  constructor(parts: ReportParts, progress: TaskProgress, onServerResult: (result: Result) => void) {
    this.#parts = parts;
    this.#progress = progress;
    this.#onServerResult = onServerResult;
    this.#outage = new Outage(parts.logger, "UpdateTask");
  }

  /** The state has changed: tell it at once. */
  notify(): void {
    this.#wake.wake();
  }

  /** Adds an output of the job. */
  output(name: string, value: string): void {
    this.#outputs.set(name, value);
  }

  /** The loop: a first report at once (it acknowledges the task), then on changes and as heartbeat, until the signal aborts. */
  async run(options: { signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    const { clock, ids, timing } = this.#parts;
    while (!signal.aborted) {
      const end = await this.#send(false);
      if (end === "done") await this.#wake.wait({ within: { clock, ms: timing.heartbeatMs }, signal });
      else await clock.sleep(backOffMs(this.#outage.failures, timing.retry, ids), { signal }).catch(() => undefined);
    }
  }

  /** Reports the result; to be called once, when `run` has ended and the log is complete. Gives up when the signal aborts. */
  async finish(options: { signal: AbortSignal }): Promise<FlushEnd> {
    const { signal } = options;
    const { clock, ids, timing, logger, taskId } = this.#parts;
    let outputTries = 0;
    while (!signal.aborted) {
      const end = await this.#send(true);
      // an ephemeral runner is gone as soon as the server has its result, even if the answer was lost
      if (end === "unregistered") return end;
      if (end === "done") {
        if (this.#outputs.size === 0) return "done";
        outputTries += 1;
        if (outputTries >= MAX_OUTPUT_TRIES) {
          logger.warn(
            { task: String(taskId), outputs: [...this.#outputs.keys()] },
            "the server does not confirm outputs",
          );
          return "done";
        }
      }
      const failures = Math.max(this.#outage.failures, 1);
      await clock.sleep(backOffMs(failures, timing.retry, ids), { signal }).catch(() => undefined);
    }
    return "gave-up";
  }

  async #send(final: boolean): Promise<"done" | "failed" | "unregistered"> {
    const { client, timing, mutex } = this.#parts;
    try {
      const response = await mutex.run(() =>
        client.updateTask(
          { state: this.#progress.state(final), outputs: Object.fromEntries(this.#outputs) },
          { timeoutMs: timing.callTimeoutMs },
        ),
      );
      this.#take(response, final);
      this.#outage.succeeded();
      return "done";
    } catch (error) {
      this.#outage.failed(error);
      return classifyCallError(error) === "unregistered" ? "unregistered" : "failed";
    }
  }

  #take(response: UpdateTaskResponse, final: boolean): void {
    for (const name of response.sentOutputs) this.#outputs.delete(name);
    const result = response.state?.result ?? Result.UNSPECIFIED;
    if (!final && result !== Result.UNSPECIFIED) this.#onServerResult(result);
  }
}
