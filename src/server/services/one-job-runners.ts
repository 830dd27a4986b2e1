import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import { isReserved } from "../domain/is-reserved.ts";
import { matches } from "../domain/labels.ts";
import { newRunner } from "../domain/new-runner.ts";
import type { Job } from "../domain/run.ts";
import type { Runner } from "../domain/runner.ts";
import { type Scope, scopeCovers, scopeKey } from "../domain/scope.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { checkedLabels, truncated } from "./runner-fields.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** What a credential for one job is to be. */
export interface OneJobWish {
  /** @default `one-job` and the beginning of its uuid */
  readonly name?: string | undefined;
  /** They count whatever the runner declares. @default those of the job, where there is one */
  readonly labels?: readonly string[] | undefined;
  /** The only job that it may do. @default any */
  readonly jobId?: number | undefined;
  /** How long no other runner gets that job. */
  readonly reserveMs: number;
  /** It is gone when it has not called for so long. */
  readonly unusedMs: number;
}

/** A credential for one job; its token is shown this once. */
export interface OneJobCredential {
  readonly runner: Runner;
  readonly token: string;
}

/** What the service needs around it. */
export interface OneJobRunnersDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hasher: TokenHasher;
  readonly identity: RunnerIdentity;
  readonly dispatcher: Dispatcher;
  /** Whether a job without `runs-on` fits any runner. */
  readonly emptyRunsOnMatches: boolean;
}

/** Makes ephemeral runners that somebody starts for one job, such as an autoscaler. */
export class OneJobRunners {
  readonly #deps: OneJobRunnersDeps;

  constructor(deps: OneJobRunnersDeps) {
    this.#deps = deps;
  }

  /**
   * Makes the record of a runner that takes one job and is deleted after it.
   * @throws AppError not_found when the job is not of this scope; conflict when it waits no longer, or is kept for
   *   another runner; invalid for labels that do not fit the job, or where there are none
   */
  async create(scope: Scope, wish: OneJobWish, actor: Actor): Promise<OneJobCredential> {
    const { store, clock, ids, hasher, identity, dispatcher } = this.#deps;
    const uuid = ids.uuid();
    const name = truncated(wish.name?.trim() || `one-job ${uuid.slice(0, 8)}`, 255);
    const token = ids.token();
    const verifier = await hasher.make(token);
    const { runner, reserved } = await store.write(async (tx) => {
      const now = clock.now();
      const job = wish.jobId === undefined ? undefined : await this.#waitingJob(tx, scope, wish.jobId, now);
      const labels = this.#labels(wish, job);
      const row = newRunner({
        ...{ uuid, name, scope, labels, labelOverlay: labels, createdAt: now, ephemeral: true },
        ...{ boundJobId: job?.id ?? null, unusedUntil: now + wish.unusedMs },
      });
      const inserted = await tx.runners.insert(row, verifier);
      const detail = { name, scope: scopeKey(scope), job: job?.id ?? null };
      await audit(tx, now, actor, { action: "runner.create_one_job", target: `runner:${inserted.id}`, detail });
      if (job === undefined || wish.reserveMs === 0) return { runner: inserted, reserved: undefined };
      const reservation = { runnerId: inserted.id, until: now + wish.reserveMs };
      await tx.jobs.update(job.id, [job.status], { reservation });
      return { runner: inserted, reserved: { ...job, reservation } };
    });
    identity.learn(runner, verifier);
    if (reserved?.status === "waiting") dispatcher.jobsChanged([reserved]);
    return { runner, token };
  }

  async #waitingJob(tx: WriteTables, scope: Scope, jobId: number, now: number): Promise<Job> {
    const found = await tx.jobs.get(jobId);
    const job =
      found === undefined || (await tx.runs.lock(found.runId)) === undefined ? found : await tx.jobs.get(jobId);
    if (job === undefined || !scopeCovers(scope, job)) {
      throw new AppError("not_found", `there is no job ${jobId}, or this token may not know of it`);
    }
    if (job.status !== "waiting" && job.status !== "blocked") {
      throw new AppError("conflict", `job ${jobId} waits for no runner any more: it is ${job.status}`);
    }
    if (job.reservation !== null && isReserved(job, now)) {
      const until = new Date(job.reservation.until).toISOString();
      throw new AppError("conflict", `job ${jobId} is kept for runner ${job.reservation.runnerId} until ${until}`);
    }
    return job;
  }

  #labels({ labels }: OneJobWish, job: Job | undefined): readonly string[] {
    if (labels === undefined && job === undefined) {
      throw new AppError("invalid", "a credential for any job needs labels; give labels, or job_id for a certain one");
    }
    const checked = checkedLabels(labels ?? job?.runsOn ?? []);
    if (job !== undefined && !matches(job.runsOn, new Set(checked), this.#deps)) {
      throw new AppError(
        "invalid",
        `job ${job.id} runs on ${job.runsOn.join(", ")}; give all of these labels, or none`,
      );
    }
    return checked;
  }
}
