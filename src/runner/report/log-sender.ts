import { create, type MessageShape } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { backOffMs } from "../../lib/back-off.ts";
import { WakeUp } from "../../lib/wake-up.ts";
import { UpdateLogRequestSchema } from "../../protocol/messages.ts";
import { classifyCallError, isLogClosed, isTooLarge } from "../call-failure.ts";
import { Outage } from "./outage.ts";
import type { ReportParts } from "./report-parts.ts";
import { type EncodedRows, encodeRows } from "./row-chunk.ts";
import type { RowSpool } from "./row-spool.ts";

/** Most of one call; our server's limit is far above, but a proxy's is not: 1 MiB is the default of nginx. */
const CALL_LIMITS = { rows: 5_000, bytes: 1000 * 1024 };
/** Not halved any further where even less is too much: a row alone may take that. */
const LEAST_BYTES = 64 * 1024;
const LOST_ROW = "##[warning]This row was lost by the server.";

/** How a final flush ended. `unregistered`: the server removed the runner, nothing more can be sent. */
export type FlushEnd = "done" | "unregistered" | "gave-up";

/**
 * Sends rows to the server: soon after they come, several at a time, again from the acknowledged row when a call or its
 * answer was lost. The rows stay in the spool until they are acknowledged.
 */
export class LogSender {
  readonly #parts: ReportParts;
  readonly #spool: RowSpool;
  readonly #wake = new WakeUp();
  readonly #full = new WakeUp();
  readonly #outage: Outage;
  /** What the server has; behind the spool's base only when the server lost rows. */
  #acked = 0;
  /** The server takes no more rows. */
  #closed = false;
  /** Most bytes of a call; halved when a proxy says that it was too much. */
  #bytes = CALL_LIMITS.bytes;

  constructor(parts: ReportParts, spool: RowSpool) {
    this.#parts = parts;
    this.#spool = spool;
    this.#outage = new Outage(parts.logger, "UpdateLog");
  }

  /** To be called after each push into the spool. */
  notify(): void {
    if (this.#pending >= this.#parts.timing.logBatchRows) this.#full.wake();
    this.#wake.wake();
  }

  /** The loop: sends while the job runs, until the signal aborts. Never rejects. */
  async run(options: { signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    while (!signal.aborted) {
      if (this.#pending === 0) await this.#wake.wait({ signal });
      await this.#gather(signal);
      if (signal.aborted) return;
      if (this.#pending === 0 || (await this.#send(false)) === "done") continue;
      await this.#pause(signal);
    }
  }

  /** Sends the rest and closes the log; to be called once, when `run` has ended. Gives up when the signal aborts. */
  async finish(options: { signal: AbortSignal }): Promise<FlushEnd> {
    const { signal } = options;
    // older servers of Gitea ignore the end of a log that comes without a row
    if (this.#pending === 0) await this.#spool.push({ at: this.#parts.clock.now(), text: "" });
    while (!signal.aborted) {
      const end = await this.#send(true);
      if (end === "unregistered") return end;
      if (end === "failed") await this.#pause(signal);
      else if (this.#pending === 0) return "done";
    }
    return "gave-up";
  }

  get #pending(): number {
    return this.#spool.end - this.#acked;
  }

  /** Waits a moment for more rows, unless there are enough already. */
  async #gather(signal: AbortSignal): Promise<void> {
    const { clock, timing } = this.#parts;
    if (this.#pending >= timing.logBatchRows || signal.aborted) return;
    await this.#full.wait({ within: { clock, ms: timing.logLatencyMs }, signal });
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, ids, timing } = this.#parts;
    await clock.sleep(backOffMs(this.#outage.failures, timing.retry, ids), { signal }).catch(() => undefined);
  }

  async #send(final: boolean): Promise<"done" | "failed" | "unregistered"> {
    const { client, timing, mutex } = this.#parts;
    if (this.#closed) return this.#drop();
    const index = this.#acked;
    try {
      const rows = await this.#rowsFrom(index);
      const noMore = final && index + rows.count === this.#spool.end;
      const request = this.#request(index, rows, noMore);
      const response = await mutex.run(() => client.updateLog(request, { timeoutMs: timing.callTimeoutMs }));
      this.#take(Number(response.ackIndex), index, index + rows.count);
      if (this.#acked <= index && rows.count > 0) throw new Error("the server acknowledged no row");
      this.#outage.succeeded();
      return "done";
    } catch (error) {
      if (isLogClosed(error)) return this.#close();
      this.#outage.failed(error);
      if (isTooLarge(error)) this.#bytes = Math.max(this.#bytes / 2, LEAST_BYTES);
      return classifyCallError(error) === "unregistered" ? "unregistered" : "failed";
    }
  }

  /** What is left has no place to go; the result still has to be told. */
  #close(): "done" {
    const { logger, taskId } = this.#parts;
    logger.warn({ task: String(taskId) }, "the server has put the log away; what the job prints from now on is lost");
    this.#closed = true;
    return this.#drop();
  }

  #drop(): "done" {
    this.#acked = this.#spool.end;
    this.#spool.ack(this.#acked);
    return "done";
  }

  #request(index: number, rows: EncodedRows, noMore: boolean): MessageShape<typeof UpdateLogRequestSchema> {
    const request = create(UpdateLogRequestSchema, { taskId: this.#parts.taskId, index: BigInt(index), noMore });
    // Fields that a message does not know are written as they are: that is how encoded rows get into one.
    const { number: no } = UpdateLogRequestSchema.field.rows;
    request.$unknown = rows.parts.map((part) => ({ no, wireType: WireType.LengthDelimited, data: part.subarray(1) }));
    return request;
  }

  #take(ack: number, index: number, sent: number): void {
    if (ack < index) {
      this.#parts.logger.warn(
        { task: String(this.#parts.taskId), ack, sent: index },
        "the server lost log rows; placeholders take their place",
      );
    }
    this.#acked = Math.min(ack, sent);
    this.#spool.ack(this.#acked);
  }

  /** Rows the server lost are gone here too; placeholders keep the numbers of the rows after them right. */
  async #rowsFrom(index: number): Promise<EncodedRows> {
    const lost = Math.min(this.#spool.base - index, CALL_LIMITS.rows);
    if (lost > 0) {
      const row = { at: this.#parts.clock.now(), text: LOST_ROW };
      return encodeRows(Array.from({ length: lost }, () => row));
    }
    return this.#spool.read({ rows: CALL_LIMITS.rows, bytes: this.#bytes });
  }
}
