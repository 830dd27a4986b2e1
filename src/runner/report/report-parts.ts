import type { Client } from "@connectrpc/connect";
import type { BackOffOptions } from "../../lib/back-off.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Mutex } from "../../lib/mutex.ts";
import type { RunnerService } from "../../protocol/messages.ts";

/** When reports are sent. */
export interface ReportTiming {
  /** A row waits at most so long for others. */
  readonly logLatencyMs: number;
  /** So many waiting rows are sent at once. */
  readonly logBatchRows: number;
  /** Pause between two reports of an unchanged state. */
  readonly heartbeatMs: number;
  /** Deadline of one call. */
  readonly callTimeoutMs: number;
  /** How long the last reports are tried while the server is away; for the log and for the result each. */
  readonly giveUpMs: number;
  readonly retry: BackOffOptions;
}

/** What the reporting of one task shares. */
export interface ReportParts {
  readonly taskId: bigint;
  readonly client: Pick<Client<typeof RunnerService>, "updateLog" | "updateTask">;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly timing: ReportTiming;
  /** Two reports of one task are never under way together: Gitea's server writes logs without a lock. */
  readonly mutex: Mutex;
}
