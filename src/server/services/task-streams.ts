import { AppError } from "../../lib/errors.ts";
import type { Runner } from "../domain/runner.ts";
import type { Task } from "../domain/task.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { ChangeBus } from "./change-bus.ts";
import { isOwnEnd } from "./task-changes.ts";
import { type StreamEvent, type StreamRequest, TaskStream, type TaskStreamDeps } from "./task-stream.ts";

/** Runners whose last list of tasks is remembered. */
const REMEMBERED = 50_000;

/** The open streams of runners, one of each; a newer one takes the place of the older, also at another replica. */
export class TaskStreams {
  readonly #deps: TaskStreamDeps;
  readonly #bus: ChangeBus;
  /** What runners that have no stream here named last. */
  readonly #named = new BoundedMap<number, string>(REMEMBERED);
  readonly #byRunner = new Map<number, TaskStream>();
  #stopped = false;

  constructor(deps: TaskStreamDeps & { readonly bus: ChangeBus }) {
    this.#deps = deps;
    this.#bus = deps.bus;
  }

  /** Number of open streams. */
  get size(): number {
    return this.#byRunner.size;
  }

  /**
   * Opens a runner's stream; it ends when the signal aborts.
   * @throws AppError unavailable when the server stops, or the database is away; unauthenticated when the runner is deleted
   */
  async *open(
    runner: Pick<Runner, "id">,
    request: StreamRequest,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<StreamEvent, void> {
    if (this.#stopped) throw new AppError("unavailable", "the server stops; open the stream again in a moment");
    const older = this.#byRunner.get(runner.id);
    const stream = new TaskStream(this.#deps, runner.id, request);
    this.#byRunner.set(runner.id, stream);
    older?.close("replaced");
    this.#bus.publish([{ kind: "stream", runnerId: runner.id, openedAt: stream.openedAt }]);
    try {
      yield* stream.events({ after: older?.settled ?? Promise.resolve(), signal: options.signal });
    } finally {
      if (this.#byRunner.get(runner.id) === stream) this.#byRunner.delete(runner.id);
    }
  }

  /** A task changed. */
  taskChanged(task: Task): void {
    this.#byRunner.get(task.runnerId)?.taskChanged(task);
  }

  /** Whether the runner has a stream here. */
  has(runnerId: number): boolean {
    return this.#byRunner.has(runnerId);
  }

  /** A runner reported the result of a task, in time or not. */
  resultCame(runnerId: number, task: Task): void {
    // That a task ended by its own result the other replicas hear anyway.
    if (!this.release(runnerId, task.id) && !isOwnEnd(task)) {
      this.#bus.publish([{ kind: "result", runnerId, taskId: task.id }], "soon");
    }
  }

  /** The runner is done with a task; false when it has no stream here. */
  release(runnerId: number, taskId: number): boolean {
    this.#byRunner.get(runnerId)?.release(taskId);
    return this.has(runnerId);
  }

  /** A runner named all tasks that it holds. */
  reported(runnerId: number, taskIds: readonly number[]): void {
    if (this.holds(runnerId, taskIds)) return;
    const named = taskIds.join();
    if (this.#named.get(runnerId) === named) return;
    this.#named.set(runnerId, named);
    this.#bus.publish([{ kind: "held", runnerId, taskIds }], "soon");
  }

  /** A runner holds these tasks and no others; false when it has no stream here. */
  holds(runnerId: number, taskIds: readonly number[]): boolean {
    this.#byRunner.get(runnerId)?.holds(new Set(taskIds));
    return this.has(runnerId);
  }

  /** A runner opened a stream at another replica, at that time (epoch ms). */
  openedElsewhere(runnerId: number, openedAt: number): void {
    const stream = this.#byRunner.get(runnerId);
    if (stream !== undefined && stream.openedAt < openedAt) stream.close("replaced", "elsewhere");
  }

  /** A runner's row was changed or deleted. */
  runnerChanged(runnerId: number): void {
    this.#byRunner.get(runnerId)?.runnerChanged();
  }

  /** Ends all streams with a goodbye and takes no new ones. */
  stop(): void {
    this.#stopped = true;
    for (const stream of this.#byRunner.values()) stream.close("shutdown");
  }
}
