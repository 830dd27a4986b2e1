import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { WakeUp } from "../lib/wake-up.ts";
import { RunnerPhase } from "../protocol/messages.ts";
import { classifyCallError } from "./call-failure.ts";
import type { RunnerClient } from "./client.ts";
import type { MachineFacts, MachineHealth, RunnerMachine } from "./machine-health.ts";
import type { TaskSlots } from "./task-slots.ts";

const EVERY_MS = 20_000;
/** A report is worth nothing when the next one is due. */
const CALL_TIMEOUT_MS = 10_000;
/** Programs are seldom updated while a runner runs. */
const FACTS_EVERY_MS = 10 * 60_000;

/** What reporting needs. */
export interface StatusReporterOptions {
  readonly client: RunnerClient;
  readonly slots: TaskSlots;
  readonly machine: RunnerMachine;
  readonly health: MachineHealth;
  /** Told of a new token of the runner. */
  readonly onToken?: (token: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells the server what the runner knows of itself: the heartbeat of an idle runner. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  #facts: { readonly at: number; readonly value: MachineFacts } | undefined;
  #known = true;
  #failed = false;
  #told: string | undefined;
  readonly #soon = new WakeUp();

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  /** Reports once. Never rejects: a report that is lost is followed by the next. */
  async report(phase: RunnerPhase, { signal }: { signal: AbortSignal }): Promise<void> {
    const { client, slots, logger, onToken } = this.#options;
    if (!this.#known) return;
    try {
      const request = await this.#request();
      const answer = await client.status.report({ ...request, phase }, { timeoutMs: CALL_TIMEOUT_MS, signal });
      for (const { taskId } of answer.cancels) slots.cancel(taskId);
      if (answer.token !== undefined) onToken?.(answer.token.token);
      this.#failed = false;
    } catch (error) {
      if (signal.aborted) return;
      if (classifyCallError(error) === "unimplemented") this.#known = false;
      else if (!this.#failed) logger.warn({ error: errorText(error) }, "the runner's state could not be reported");
      this.#failed = true;
    }
  }

  /** The next report is due now. */
  soon(): void {
    this.#soon.wake();
  }

  /** Reports every 20 s until the signal aborts. @param stopping aborts when the runner takes no new tasks */
  async run({ stopping, signal }: { stopping: AbortSignal; signal: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted && this.#known) {
      await this.#soon.wait({ within: { clock, ms: EVERY_MS }, signal });
      if (signal.aborted) return;
      await this.report(stopping.aborted ? RunnerPhase.STOPPING : RunnerPhase.READY, { signal });
    }
  }

  async #request() {
    const { slots, machine, health } = this.#options;
    const problem = await health.look();
    this.#tell(problem?.reason);
    const { cores, memoryBytes, diskBytes, ...words } = await this.#freshFacts();
    const usage = await machine.usage();
    return {
      system: { ...words, cores, memoryBytes: whole(memoryBytes), diskBytes: whole(diskBytes) },
      usage: { cpu: usage.cpu, memoryBytes: whole(usage.memoryBytes), diskBytes: whole(usage.diskBytes) },
      runningTaskIds: slots.held,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  async #freshFacts(): Promise<MachineFacts> {
    const { machine, clock } = this.#options;
    if (this.#facts === undefined || clock.now() - this.#facts.at >= FACTS_EVERY_MS) {
      this.#facts = { at: clock.now(), value: await machine.facts() };
    }
    return this.#facts.value;
  }

  #tell(reason: string | undefined): void {
    if (reason === this.#told) return;
    this.#told = reason;
    if (reason === undefined) this.#options.logger.info({}, "the machine can take work again");
    else this.#options.logger.warn({ reason }, "the machine cannot take work now");
  }
}

function whole(bytes: number): bigint {
  return BigInt(Math.max(0, Math.round(bytes)));
}
