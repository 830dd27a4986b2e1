import type { Clock } from "../../lib/clock.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Job } from "../domain/run.ts";
import type { Runner } from "../domain/runner.ts";
import type { Task } from "../domain/task.ts";
import type { Store } from "../storage/store.ts";
import { type Claim, type ClaimOutcome, claimJob } from "./claim-job.ts";
import type { DispatchSettings } from "./dispatch-settings.ts";
import type { JobGraph, JobGraphChange } from "./job-graph-port.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { RunTurns } from "./run-turns.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { PayloadDraft, TaskPayload, TaskPayloads } from "./task-payload.ts";
import type { TokenHasher } from "./token-hasher.ts";
import { writeJob } from "./write-job.ts";

/** A task that was made just now, and what the runner gets. */
export interface MadeTask {
  readonly task: Task;
  readonly payload: TaskPayload;
}

/** How a claim ended; `change` where the job could not be built and has failed, which may have made others ready. */
export type JobClaimOutcome =
  | { readonly kind: "claimed"; readonly made: MadeTask }
  | { readonly kind: "refused" | "late" }
  | { readonly kind: "lost"; readonly change?: JobGraphChange };

/** Claims jobs: builds the payload first, so that a job that cannot be built fails alone and holds up nobody. */
export class JobClaims {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #log: Logger;
  readonly #hasher: TokenHasher;
  readonly #payloads: TaskPayloads;
  readonly #openTasks: OpenTasks;
  readonly #graph: JobGraph;
  readonly #identity: RunnerIdentity;
  readonly #settings: Pick<DispatchSettings, "emptyRunsOnMatches">;
  readonly #turns: RunTurns;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Logger;
    readonly hasher: TokenHasher;
    readonly payloads: TaskPayloads;
    readonly openTasks: OpenTasks;
    readonly graph: JobGraph;
    readonly identity: RunnerIdentity;
    readonly settings: Pick<DispatchSettings, "emptyRunsOnMatches">;
    readonly turns: RunTurns;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#log = deps.log;
    this.#hasher = deps.hasher;
    this.#payloads = deps.payloads;
    this.#openTasks = deps.openTasks;
    this.#graph = deps.graph;
    this.#identity = deps.identity;
    this.#settings = deps.settings;
    this.#turns = deps.turns;
  }

  /**
   * Tries to give a waiting job to a runner.
   * @param call `isAwaited`: whether the runner still waits for the answer
   * @throws AppError unavailable when the database is away; the job then waits on
   */
  async claim(
    jobId: number,
    runner: Runner,
    call: { readonly requestKey: string | null; readonly isAwaited: () => boolean },
  ): Promise<JobClaimOutcome> {
    const job = await this.#store.read.jobs.get(jobId);
    if (job?.status !== "waiting") return { kind: "lost" };
    let draft: PayloadDraft;
    try {
      draft = await this.#payloads.draft(job);
    } catch (error) {
      return { kind: "lost", change: await this.#failJob(job, toAppError(error)) };
    }
    const token = this.#ids.token();
    const outcome = await this.#commit(draft, runner.id, this.#hasher.mac(token), call);
    // What is remembered of the runner is out of date (it was changed by another server).
    if (outcome.kind === "refused") this.#identity.forget(runner.id);
    if (outcome.kind === "refused" && outcome.given !== undefined) this.#openTasks.put(outcome.given);
    if (outcome.kind !== "claimed") return outcome;
    this.#openTasks.put(outcome.task);
    return {
      kind: "claimed",
      made: { task: outcome.task, payload: this.#payloads.complete(draft, outcome.task, token) },
    };
  }

  async #commit(
    draft: PayloadDraft,
    runnerId: number,
    tokenMac: string,
    call: Pick<Claim, "requestKey" | "isAwaited">,
  ): Promise<ClaimOutcome> {
    const { runId } = draft.job;
    const claim = (): Claim => ({
      jobId: draft.job.id,
      runId,
      runnerId,
      tokenMac,
      steps: draft.steps,
      cancelTimeoutMs: draft.cancelTimeoutMs,
      emptyRunsOnMatches: this.#settings.emptyRunsOnMatches,
      ...call,
      now: this.#clock.now(),
    });
    try {
      return await this.#turns.claim(runId, async () =>
        // The line may have been long.
        call.isAwaited() ? await this.#store.write((tx) => claimJob(tx, claim())) : { kind: "late" },
      );
    } catch (error) {
      if (error instanceof AppError && error.code === "conflict") return { kind: "lost" };
      throw error;
    }
  }

  /** @throws the failure itself when it is the server's and will pass */
  async #failJob({ id: jobId, runId }: Job, failure: AppError): Promise<JobGraphChange> {
    if (failure.code === "unavailable" || failure.code === "timeout" || failure.code === "exhausted") throw failure;
    this.#log.error({ job: jobId, error: failure.message, cause: failure.cause }, "a job cannot be built and fails");
    const message = `the server could not prepare the job: ${failure.message}`;
    return await this.#store.write(async (tx) => {
      const now = this.#clock.now();
      if ((await tx.runs.lock(runId)) === undefined) return NOTHING;
      const job = await tx.jobs.get(jobId);
      const ended = { type: "ended", conclusion: "failure", cause: "infrastructure", message } as const;
      if (job?.status !== "waiting" || (await writeJob(tx, job, ended, now)) === undefined) return NOTHING;
      return await this.#graph.jobFinished(tx, jobId, now);
    });
  }
}

const NOTHING: JobGraphChange = { ready: [], toCancel: [] };
