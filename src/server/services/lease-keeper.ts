import type { Clock } from "../../lib/clock.ts";
import { errorText, toAppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { type LeaseVerdict, leaseVerdict } from "./lease-verdict.ts";
import type { OpenTask, OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";

const TICK_MS = 2_000;
/** Every so many ticks the memory is compared with the database. */
const RECONCILE_EVERY = 5;
/** A tick that comes this late means that the process stood still; nobody could report meanwhile. */
const STOOD_STILL_MS = 15_000;

/**
 * Watches over the open tasks: a runner that never took its task loses it to another, one that fell silent is given up.
 * After a start, and after every time in which this server or its database was away, all have a fresh lease.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #openTasks: OpenTasks;
  readonly #dispatcher: Dispatcher;
  readonly #changes: TaskChanges;
  #freshFrom: number;
  #lastTick: number;
  /** The start has just compared. */
  #ticks = 1;

  constructor(deps: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly openTasks: OpenTasks;
    readonly dispatcher: Dispatcher;
    readonly changes: TaskChanges;
  }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#openTasks = deps.openTasks;
    this.#dispatcher = deps.dispatcher;
    this.#changes = deps.changes;
    this.#freshFrom = this.#lastTick = deps.clock.now();
  }

  /** Silence before this moment (epoch ms) does not count: this server or its database was away. */
  get freshFrom(): number {
    return this.#freshFrom;
  }

  /** Runs until the signal aborts. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.tick();
      await this.#clock.sleep(TICK_MS, { signal }).catch(() => undefined);
    }
  }

  /** One round; never throws. */
  async tick(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#lastTick > STOOD_STILL_MS) this.#freshFrom = now;
    this.#lastTick = now;
    try {
      if (this.#ticks++ % RECONCILE_EVERY === 0) {
        await this.#openTasks.saveHeartbeats();
        await this.#openTasks.load();
        await this.#dispatcher.reconcile();
      }
      for (const open of this.#openTasks.all()) await this.#judge(open, now);
    } catch (error) {
      this.#freshFrom = this.#clock.now();
      this.#log.error({ error: errorText(error) }, "the leases of tasks cannot be watched now; they start afresh");
    }
  }

  /** @throws AppError unavailable when the database is away; what concerns one task alone is only logged */
  async #judge(open: OpenTask, now: number): Promise<void> {
    if (leaseVerdict(open, now, this.#freshFrom) === "keep") return;
    try {
      // Its runner may have spoken to another replica.
      const found = await this.#openTasks.lookUp(open.task.id);
      const verdict = found === undefined ? "keep" : leaseVerdict(found, now, this.#freshFrom);
      if (found !== undefined && verdict !== "keep") await this.#takeAway(found, verdict);
    } catch (error) {
      if (toAppError(error).code === "unavailable") throw error;
      this.#log.error({ task: open.task.id, error: errorText(error) }, "a task could not be taken from its runner");
    }
  }

  async #takeAway(open: OpenTask, verdict: LeaseVerdict): Promise<void> {
    const { task } = open;
    this.#log.warn({ task: task.id, runner: task.runnerId, verdict }, "a task is taken from its runner");
    if (verdict === "not-acknowledged") {
      await this.#changes.change(task.id, { type: "expired", cause: "not_acknowledged" }, null);
      return;
    }
    const message = "the runner did not report on the job for too long and counts as lost";
    await this.#changes.change(task.id, { type: "expired", cause: "runner_lost" }, message);
  }
}
