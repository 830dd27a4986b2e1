import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText, toAppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { WakeUp } from "../../lib/wake-up.ts";
import { isConclusion } from "../domain/run.ts";
import type { Runner } from "../domain/runner.ts";
import type { Task } from "../domain/task.ts";
import type { Store } from "../storage/store.ts";
import type { AssignTask } from "./assign-task.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldTasks } from "./held-tasks.ts";
import type { OfferAgain } from "./offer-again.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { Presence } from "./presence.ts";
import { unregisteredRunner } from "./runner-identity.ts";
import type { RunnerTokens, TokenOffer } from "./runner-tokens.ts";
import type { TakeReport } from "./take-report.ts";
import { isOwnEnd } from "./task-changes.ts";
import type { TaskPayload } from "./task-payload.ts";
import type { TasksVersions } from "./tasks-versions.ts";

/** What a runner is told over its stream. */
export type StreamEvent =
  | { readonly kind: "offer"; readonly payload: TaskPayload; readonly tasksVersion: number }
  | { readonly kind: "cancel"; readonly taskId: number; readonly ended: boolean }
  | { readonly kind: "drain"; readonly active: boolean }
  | ({ readonly kind: "token" } & TokenOffer)
  | { readonly kind: "goaway"; readonly reason: GoAwayReason }
  | { readonly kind: "keep-alive" };

/** Why the server ends a stream. */
export type GoAwayReason = "shutdown" | "replaced" | "silent";

/** What a runner has when it opens its stream. */
export interface StreamRequest {
  /** Tasks at the same time, those that it holds included. */
  readonly capacity: number;
  readonly heldTaskIds: readonly number[];
}

/** What streams need around them. */
export interface TaskStreamDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly openTasks: OpenTasks;
  readonly dispatcher: Dispatcher;
  readonly assignTask: AssignTask;
  readonly offerAgain: OfferAgain;
  readonly held: HeldTasks;
  readonly reports: TakeReport;
  readonly runnerTokens: RunnerTokens;
  readonly presence: Presence;
  readonly versions: TasksVersions;
}

/**
 * A sign of life after so long without another message, or up to a second earlier: all that are due in one second are
 * given together, so that thousands of idle streams wake the server once a second.
 */
const KEEP_ALIVE_MS = 15_000;
const TOGETHER_MS = 1_000;
/** Longest wait for a job in one go. */
const PARK_MS = 60 * 60_000;
/** Pause after the database was away. */
const RETRY_MS = 1_000;

/**
 * One open stream of a runner. One loop takes jobs while there is a free slot, and puts what is to be said into a
 * queue; the reader of `events` empties it. A slot is taken from the moment a task is offered until its runner has
 * reported the result, or no longer names the task: a task that the server ended still occupies the runner.
 */
export class TaskStream {
  /** Epoch ms of the database's clock; of two streams of a runner the one that was opened later stays. */
  readonly openedAt: number;
  readonly #deps: TaskStreamDeps;
  readonly #runnerId: number;
  readonly #request: StreamRequest;
  readonly #inFlight = new Set<number>();
  readonly #queue: StreamEvent[] = [];
  /** Offers that nobody will read. */
  readonly #unread: number[] = [];
  readonly #toSend = new WakeUp();
  readonly #room = new WakeUp();
  /** Aborts what the loop waits for. */
  #round = new AbortController();
  #loop: Promise<void> | undefined;
  #over = false;
  #drained = false;
  #toldToken: string | undefined;
  #replaced = false;
  #failure: unknown;

  constructor(deps: TaskStreamDeps, runnerId: number, request: StreamRequest) {
    this.openedAt = deps.clock.now();
    this.#deps = deps;
    this.#runnerId = runnerId;
    this.#request = request;
  }

  /** Settles when the stream takes no more jobs. */
  get settled(): Promise<void> {
    return this.#loop ?? Promise.resolve();
  }

  /**
   * The messages, the first at once. Ends after a `goaway`, or when the caller is gone.
   * @param options.after the runner's older stream; jobs are only taken when it has settled
   * @throws AppError unauthenticated when the runner is deleted; unavailable when the database is away at the start
   */
  async *events(options: { after: Promise<void>; signal: AbortSignal }): AsyncGenerator<StreamEvent, void> {
    const { after, signal } = options;
    this.#loop = this.#work(after);
    try {
      yield { kind: "keep-alive" };
      while (!signal.aborted) {
        const event = this.#queue.shift();
        if (event !== undefined) yield event;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#over) return;
        else if (await this.#quiet(signal)) yield await this.#signOfLife();
      }
    } finally {
      this.#stopWorking();
      await this.#loop;
      await this.#giveBack();
    }
  }

  /**
   * Says goodbye and ends. Offers that were not sent go to the newer stream, or to other runners.
   * @param newer where the newer stream is, if there is one; another replica does not know of offers that were not sent
   */
  close(reason: Exclude<GoAwayReason, "silent">, newer: "here" | "elsewhere" = "here"): void {
    if (this.#over) return;
    this.#replaced = reason === "replaced" && newer === "here";
    this.#dropOffers(() => true);
    this.#push({ kind: "goaway", reason });
    this.#stopWorking();
  }

  /** A task of the runner changed. */
  taskChanged(task: Task): void {
    if (!this.#inFlight.has(task.id)) return;
    if (task.status === "cancelling") {
      if (task.cancelSentAt === null) this.#push({ kind: "cancel", taskId: task.id, ended: false });
    } else if (isConclusion(task.status)) {
      if (isOwnEnd(task) || this.#dropOffers((taskId) => taskId === task.id)) this.release(task.id);
      else this.#push({ kind: "cancel", taskId: task.id, ended: true });
    }
  }

  /** The runner is done with a task. */
  release(taskId: number): void {
    if (this.#inFlight.delete(taskId)) this.#room.wake();
  }

  /** The runner named all tasks that it holds: what has ended here and is not among them occupies it no longer. */
  holds(taskIds: ReadonlySet<number>): void {
    for (const taskId of [...this.#inFlight]) {
      if (!taskIds.has(taskId) && this.#deps.openTasks.get(taskId) === undefined) this.release(taskId);
    }
  }

  /** The runner's row changed, or is gone: the loop looks at it anew. */
  runnerChanged(): void {
    this.#round.abort();
  }

  #push(event: StreamEvent): void {
    if (this.#over) return;
    this.#queue.push(event);
    this.#toSend.wake();
  }

  #stopWorking(): void {
    this.#over = true;
    this.#round.abort();
    this.#toSend.wake();
  }

  /** Takes offers out of the queue; true when there were any. */
  #dropOffers(which: (taskId: number) => boolean): boolean {
    let dropped = false;
    for (let index = this.#queue.length - 1; index >= 0; index--) {
      const event = this.#queue[index];
      if (event?.kind !== "offer" || !which(event.payload.id)) continue;
      this.#queue.splice(index, 1);
      this.#unread.push(event.payload.id);
      dropped = true;
    }
    return dropped;
  }

  /** Waits for something to say; true when there was nothing for long. */
  async #quiet(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    const since = clock.now();
    const ms = KEEP_ALIVE_MS - ((since + KEEP_ALIVE_MS) % TOGETHER_MS);
    await this.#toSend.wait({ within: { clock, ms }, signal });
    return !signal.aborted && !this.#over && this.#queue.length === 0 && clock.now() - since >= ms;
  }

  /**
   * A host that vanished keeps its connection open for many minutes, so that of a runner that reports, the reports
   * count as contact; of others, the stream does.
   */
  async #signOfLife(): Promise<StreamEvent> {
    const { presence, reports } = this.#deps;
    if (reports.isSilent(this.#runnerId) && !(await this.#isHeardElsewhere())) {
      this.#stopWorking();
      return { kind: "goaway", reason: "silent" };
    }
    if (reports.last(this.#runnerId) === undefined) presence.stamp(this.#runnerId, false);
    return { kind: "keep-alive" };
  }

  /** Its reports may go to another replica. */
  async #isHeardElsewhere(): Promise<boolean> {
    const { store, reports } = this.#deps;
    if (store.changes === null) return false;
    const runner = await store.read.runners.get(this.#runnerId).catch(() => undefined);
    return runner !== undefined && !reports.isLongAgo(runner.lastOnline ?? 0);
  }

  async #work(after: Promise<void>): Promise<void> {
    try {
      await after;
      await this.#reconcile();
      while (!this.#over) await this.#takeOne();
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#stopWorking();
    }
  }

  /** Compares what the runner holds with what it was given. */
  async #reconcile(): Promise<void> {
    const { store, openTasks, held, offerAgain } = this.#deps;
    const { heldTaskIds } = this.#request;
    const runner = await this.#runner();
    const open = await store.read.tasks.openOfRunner(this.#runnerId);
    for (const task of open) if (openTasks.get(task.id) === undefined) openTasks.put(task);
    for (const taskId of heldTaskIds) this.#inFlight.add(taskId);
    const stop = await held.take(this.#runnerId, heldTaskIds);
    for (const task of stop) this.#push({ kind: "cancel", ...task });
    for (const task of [...openTasks.ofRunner(this.#runnerId)]) {
      const { id, status, acknowledgedAt } = task.task;
      if (this.#inFlight.has(id) || status !== "running" || acknowledgedAt !== null) continue;
      if (this.#over) return;
      this.#inFlight.add(id);
      const payload = await offerAgain.offer(task);
      if (payload === undefined) this.release(id);
      else await this.#offer(runner, payload);
    }
  }

  /** One round: a task that is due again, else a new job, else a wait for a free slot. */
  async #takeOne(): Promise<void> {
    const { clock, dispatcher, offerAgain } = this.#deps;
    this.#round = new AbortController();
    const { signal } = this.#round;
    try {
      const runner = await this.#runner();
      const again = offerAgain.due(this.#runnerId, null);
      if (again.open !== undefined) {
        const payload = await offerAgain.offer(again.open);
        if (payload !== undefined) await this.#offer(runner, payload);
        return;
      }
      const until = Math.min(again.at, clock.now() + PARK_MS);
      if (this.#inFlight.size >= this.#request.capacity) {
        await this.#room.wait({ within: { clock, ms: until - clock.now() }, signal });
        return;
      }
      const made = await dispatcher.next(runner, { until, requestKey: null, signal });
      if (made !== undefined) await this.#offer(runner, made.payload);
    } catch (error) {
      if (toAppError(error).code === "unauthenticated") throw error;
      this.#deps.log.warn({ runner: this.#runnerId, error: errorText(error) }, "a stream cannot take jobs now");
      await clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
    }
  }

  /** The runner as it is now; it is told when it was stopped or may go on, and its new token. */
  async #runner(): Promise<Runner> {
    const runner = await this.#deps.store.read.runners.get(this.#runnerId);
    if (runner === undefined) throw unregisteredRunner();
    if (runner.disabled !== this.#drained) {
      this.#drained = runner.disabled;
      this.#push({ kind: "drain", active: runner.disabled });
    }
    const offer = await this.#deps.runnerTokens.offerTo(runner);
    if (offer !== undefined && offer.token !== this.#toldToken) {
      this.#toldToken = offer.token;
      this.#push({ kind: "token", ...offer });
    }
    return runner;
  }

  async #offer(runner: Runner, payload: TaskPayload): Promise<void> {
    const taskId = payload.id;
    this.#inFlight.add(taskId);
    const tasksVersion = await this.#deps.versions.current(runner.scope);
    // An older offer of the task that still waits to be sent has a token that is no longer good.
    const at = this.#queue.findIndex((event) => event.kind === "offer" && event.payload.id === taskId);
    if (at >= 0) this.#queue.splice(at, 1);
    if (this.#over) this.#unread.push(taskId);
    // It may have been cancelled while its payload was built.
    else if (this.#deps.openTasks.get(taskId) === undefined) this.release(taskId);
    else this.#push({ kind: "offer", payload, tasksVersion });
  }

  /** Jobs whose offer never left the server go to other runners at once; a newer stream offers them by itself. */
  async #giveBack(): Promise<void> {
    if (this.#replaced) return;
    this.#over = true;
    this.#dropOffers(() => true);
    for (const taskId of this.#unread.splice(0)) {
      try {
        await this.#deps.assignTask.giveBack(taskId);
      } catch (error) {
        const failure = error instanceof AppError ? error.message : errorText(error);
        this.#deps.log.warn({ task: taskId, error: failure }, "a task was not given back; its lease will end it");
      }
    }
  }
}
