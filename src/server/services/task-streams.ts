import { AppError } from "../../lib/errors.ts";
import type { Runner } from "../domain/runner.ts";
import type { Task } from "../domain/task.ts";
import { type StreamEvent, type StreamRequest, TaskStream, type TaskStreamDeps } from "./task-stream.ts";

/** The open streams of runners, one of each; a newer one takes the place of the older. */
export class TaskStreams {
  readonly #deps: TaskStreamDeps;
  readonly #byRunner = new Map<number, TaskStream>();
  #stopped = false;

  constructor(deps: TaskStreamDeps) {
    this.#deps = deps;
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

  /** A runner reported the result of a task, in time or not. */
  resultCame(runnerId: number, taskId: number): void {
    this.#byRunner.get(runnerId)?.release(taskId);
  }

  /** A runner named all tasks that it holds. */
  reported(runnerId: number, taskIds: readonly number[]): void {
    this.#byRunner.get(runnerId)?.holds(new Set(taskIds));
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
