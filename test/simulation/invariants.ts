import { RUNNER_TOKEN_HEADER } from "../../src/protocol/headers.ts";
import {
  type FetchTaskResponse,
  type ReportRequest,
  Result,
  type StreamTasksRequest,
  type UpdateLogRequest,
  type UpdateTaskRequest,
  type UpdateTaskResponse,
} from "../../src/protocol/messages.ts";
import { isConclusion, type Job } from "../../src/server/domain/run.ts";
import type { RunnerVerifiers } from "../../src/server/domain/runner.ts";
import type { Task } from "../../src/server/domain/task.ts";
import { isOwnEnd } from "../../src/server/services/task-changes.ts";
import type { MemoryDatabase, RowChange } from "../support/memory-store/memory-database.ts";
import type { Executions } from "./executions.ts";
import type { Scheduler } from "./scheduler.ts";
import { type EdgeRequest, nameOf } from "./server-edge.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimRunner } from "./sim-runner.ts";

/** A task without a word of its runner goes to another one after so long. */
const UNACKNOWLEDGED_MS = 60_000;
/** The shortest silence for which a runner counts as lost; what the server's slow store may add is left out. */
const SHORTEST_SILENCE_MS = 30_000;
/** Clocks of servers jump and differ by so much. */
const CLOCK_SLACK_MS = 12_000;

/** What the simulation knows of a task beside its row. */
interface TaskFacts {
  readonly madeAt: number;
  /** When servers took reports on it that they answered, the newest last. */
  readonly heardAt: number[];
  endedAt: number | undefined;
  /** Given back before its lease had lapsed: no byte of it may have reached a runner. */
  givenBack: boolean;
}

/** A call that a server took. */
interface AnsweredBy {
  readonly takenAt: number;
  readonly server: SimProcess;
}

/** What must hold at every moment; each breach is kept with its time. */
export class Invariants {
  readonly breaches: string[] = [];
  readonly tasks = new Map<number, TaskFacts>();
  /** Runs that a user cancelled: when that was tried for the first time, and when a server confirmed it. */
  readonly cancelled = new Map<number, { readonly triedAt: number; readonly at: number }>();
  /** Names of runners whose old token may end before they use the new one. */
  readonly outOfTime = new Set<string>();
  /** New tokens that took the place of old ones. */
  rotations = 0;
  /** Tasks that came beside the one that a poll was given. */
  additional = 0;
  /** Nothing hinders runners from reporting, so that none may count as lost. */
  readonly calm: boolean;
  /** How long a replica may not know what another one wrote. */
  readonly staleMs: number;
  readonly #scheduler: Scheduler;
  readonly #database: MemoryDatabase;
  readonly #executions: Executions;
  /** What is stored of a token. */
  readonly mac: (token: string) => string;
  readonly #isBusWhole: () => boolean;
  readonly #unsavedMs: number;
  readonly #endlessTaskMs: number;
  /** Macs of tokens that were replaced, and when. */
  readonly #deadMacs = new Map<string, number>();

  constructor(deps: {
    readonly scheduler: Scheduler;
    readonly database: MemoryDatabase;
    readonly executions: Executions;
    readonly calm: boolean;
    readonly staleMs: number;
    /** For so long a replica may keep a report for itself. */
    readonly unsavedMs: number;
    /** A task may run for so long. */
    readonly endlessTaskMs: number;
    /** What is stored of a token. */
    readonly mac: (token: string) => string;
    /** Whether no message between replicas was lost so far. */
    readonly isBusWhole: () => boolean;
  }) {
    this.#scheduler = deps.scheduler;
    this.#database = deps.database;
    this.#executions = deps.executions;
    this.calm = deps.calm;
    this.staleMs = deps.staleMs;
    this.mac = deps.mac;
    this.#isBusWhole = deps.isBusWhole;
    this.#unsavedMs = deps.unsavedMs;
    this.#endlessTaskMs = deps.endlessTaskMs;
  }

  /** Something is not as it must be. */
  breach(what: string): void {
    this.#scheduler.note(`BREACH: ${what}`);
    this.breaches.push(what);
  }

  /** A transaction became visible. */
  committed(changes: readonly RowChange[]): void {
    for (const { table, before, after } of changes) {
      if (table === "task") {
        const [old, task] = [before, after].map((row) => (row as { task: Task } | undefined)?.task);
        if (task !== undefined) this.#task(old, task);
      } else if (table === "job" && after !== undefined) this.#job(before as Job | undefined, after as Job);
      else if (table === "runner") this.#runner(before as RunnerVerifiers | undefined, after as RunnerVerifiers);
    }
  }

  /** A living runner whose new token is not in use yet, by name. */
  rotating(runners: readonly SimRunner[]): string | undefined {
    const rows = this.#database.table("runner");
    return runners.find(({ identity, over, takesTokens }) => {
      const runner = rows.get(identity.id)?.runner;
      return !over && takesTokens && runner?.deletedAt === null && runner.oldTokenUntil !== null;
    })?.name;
  }

  /** A server answered a call. */
  answered(request: EdgeRequest, answer: object, by: AnsweredBy, runnerName: string): void {
    const { takenAt } = by;
    this.#deadToken(request.header.get(RUNNER_TOKEN_HEADER) ?? "", by, runnerName);
    const name = nameOf(request.method);
    if (name === "RunnerService.UpdateTask") {
      const id = Number((request.message as UpdateTaskRequest).state?.id);
      this.#heard([id], takenAt);
      this.#refused(id, answer as UpdateTaskResponse, by, runnerName);
    } else if (name === "RunnerService.FetchTask") {
      this.additional += (answer as FetchTaskResponse).additionalTasks.length;
    } else if (name === "RunnerService.UpdateLog") {
      this.#heard([Number((request.message as UpdateLogRequest).taskId)], takenAt);
    } else if (name === "RunnerStatusService.Report") {
      this.#heard((request.message as ReportRequest).runningTaskIds.map(Number), takenAt);
    } else if (name === "TaskStreamService.StreamTasks") {
      this.#heard((request.message as StreamTasksRequest).heldTaskIds.map(Number), takenAt);
    }
  }

  #runner(old: RunnerVerifiers | undefined, row: RunnerVerifiers | undefined): void {
    if (old === undefined || row === undefined || old.verifier.mac === row.verifier.mac) return;
    this.rotations += 1;
    this.#deadMacs.set(old.verifier.mac, this.#scheduler.now);
  }

  /** A token that was replaced works no more, where the replicas hear of each other. */
  #deadToken(token: string, { takenAt, server }: AnsweredBy, runnerName: string): void {
    if (this.#deadMacs.size === 0 || !this.#isBusWhole()) return;
    const endedAt = this.#deadMacs.get(this.mac(token));
    if (endedAt === undefined || takenAt < Math.max(endedAt, server.awakeSince) + this.staleMs) return;
    this.breach(`${runnerName} was answered, though its token had been replaced`);
  }

  #heard(taskIds: readonly number[], at: number): void {
    for (const id of taskIds) {
      const facts = this.tasks.get(id);
      if (facts !== undefined && at >= (facts.heardAt.at(-1) ?? 0)) facts.heardAt.push(at);
    }
  }

  /** Who reports on a task that the server ended is told so. */
  #refused(id: number, answer: UpdateTaskResponse, { takenAt, server }: AnsweredBy, runnerName: string): void {
    const task = this.#database.table("task").get(id)?.task;
    const endedAt = this.tasks.get(id)?.endedAt;
    if (task === undefined || endedAt === undefined || isOwnEnd(task)) return;
    // A server that stood still hears of the end when it goes on.
    if (takenAt < Math.max(endedAt, server.awakeSince) + this.staleMs) return;
    if (answer.state?.result === Result.CANCELLED) return;
    this.breach(`task ${id} has ended, but its runner (${runnerName}) was told ${answer.state?.result}`);
  }

  #task(old: Task | undefined, task: Task): void {
    const { now } = this.#scheduler;
    if (old === undefined) {
      this.#scheduler.note(
        `task ${task.id} of job ${task.jobId}, delivery ${task.delivery}, for runner ${task.runnerId}`,
      );
      this.tasks.set(task.id, { madeAt: now, heardAt: [now], endedAt: undefined, givenBack: false });
      this.#made(task);
      return;
    }
    if (isConclusion(old.status)) {
      if (old.status !== task.status || old.cause !== task.cause)
        this.breach(`task ${task.id} had ended ${old.status}/${old.cause} and became ${task.status}/${task.cause}`);
      return;
    }
    if (isConclusion(task.status)) this.#ended(task);
  }

  /** There is one task of an attempt at a time, and a later one only where the rules of requeueing allow it. */
  #made(task: Task): void {
    for (const { task: other } of this.#database.table("task").values()) {
      if (other.id === task.id || other.jobId !== task.jobId || other.attempt !== task.attempt) continue;
      if (!isConclusion(other.status)) this.breach(`task ${task.id} was made while task ${other.id} was open`);
      else if (isOwnEnd(other) || !REQUEUED.has(other.cause ?? ""))
        this.breach(`task ${task.id} was made though task ${other.id} had ended ${other.status}/${other.cause}`);
    }
    if (this.cancelled.has(task.runId) && !this.#runsAlways(task))
      this.breach(`task ${task.id} was made after run ${task.runId} was cancelled`);
  }

  #ended(task: Task): void {
    const { now } = this.#scheduler;
    const facts = this.tasks.get(task.id);
    this.#scheduler.note(`task ${task.id} ended ${task.status}/${task.cause}`);
    if (facts === undefined) return;
    facts.endedAt = now;
    const cancel = this.cancelled.get(task.runId);
    // What runs after a cancel may have begun before the word of the cancel was back.
    const before = (this.#runsAlways(task) ? cancel?.triedAt : cancel?.at) ?? 0;
    if (facts.madeAt < before && task.status !== "cancelled")
      this.breach(`task ${task.id} ended ${task.status} after run ${task.runId} was cancelled`);
    const steps = task.steps.some(({ startedAt }) => startedAt !== null);
    if (task.cause === "not_acknowledged") {
      facts.givenBack = now - facts.madeAt < UNACKNOWLEDGED_MS - CLOCK_SLACK_MS;
      if (facts.givenBack && this.#executions.ofTask(task.id).length > 0)
        this.breach(`task ${task.id} was given back before its lease lapsed, though a runner had begun with it`);
    }
    const ranMs = now - facts.madeAt;
    if (task.cause === "timeout" && ranMs < this.#endlessTaskMs - CLOCK_SLACK_MS)
      this.breach(`task ${task.id} was ended as endless after ${Math.round(ranMs)} ms`);
    if (task.cause !== "runner_lost") return;
    const runner = this.#database.table("runner").get(task.runnerId)?.runner.name ?? "";
    if (this.calm && !this.outOfTime.has(runner))
      this.breach(`task ${task.id} was given up though nothing kept its runner from reporting`);
    // What one replica hears the others know a little later.
    const silentMs = now - (facts.heardAt.findLast((at) => at <= now - this.#unsavedMs) ?? facts.madeAt);
    if (silentMs < SHORTEST_SILENCE_MS - CLOCK_SLACK_MS)
      this.breach(
        `task ${task.id} was given up ${Math.round(silentMs)} ms after its runner was heard (steps: ${steps})`,
      );
  }

  /** Whether the job of a generated workflow runs also after a cancel. */
  #runsAlways(task: Task): boolean {
    const source = this.#database.table("run").get(task.runId)?.source ?? "";
    const from = source.indexOf(`  ${this.#database.table("job").get(task.jobId)?.key}:\n`);
    return source.slice(from, source.indexOf("    steps:", from)).includes("if: always()");
  }

  #job(old: Job | undefined, job: Job): void {
    if (old === undefined || old.attempt !== job.attempt || !isConclusion(old.status)) return;
    if (old.status !== job.status || old.cause !== job.cause || old.taskId !== job.taskId)
      this.breach(`job ${job.id} had ended ${old.status} and became ${job.status}`);
  }
}

const REQUEUED: ReadonlySet<string> = new Set(["not_acknowledged", "runner_lost", "runner_deleted"]);
