import type { Clock } from "../../lib/clock.ts";
import type { Runner } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { OpenTasks } from "./open-tasks.ts";
import { checkedLabels, truncated } from "./runner-fields.ts";
import { type RunnerIdentity, unregisteredRunner } from "./runner-identity.ts";

/** What a runner says of itself when it starts. */
export type Declaration = Pick<Runner, "version" | "labels" | "capabilities">;

/** Takes the declarations of runners (Declare); labels and capabilities replace what was known. */
export class DeclareRunner {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #identity: RunnerIdentity;
  readonly #dispatcher: Dispatcher;
  readonly #openTasks: OpenTasks;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly identity: RunnerIdentity;
    readonly dispatcher: Dispatcher;
    readonly openTasks: OpenTasks;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#identity = deps.identity;
    this.#dispatcher = deps.dispatcher;
    this.#openTasks = deps.openTasks;
  }

  /** Stores a declaration. @throws AppError invalid for labels that cannot be; unauthenticated when the runner is gone */
  async declare(runner: Runner, { version, labels, capabilities }: Declaration): Promise<Runner> {
    const patch = {
      version: truncated(version, 64),
      declaredLabels: checkedLabels(labels),
      capabilities: [...new Set(capabilities)],
      // What ailed it before its start is told anew where it still does.
      health: null,
    };
    const declared = await this.#store.write(async (tx) =>
      (await tx.runners.update(runner.id, patch)) ? await tx.runners.get(runner.id) : undefined,
    );
    if (declared === undefined) throw unregisteredRunner();
    this.#identity.refresh(declared);
    // A runner declares itself when it starts, so what it ran before is probably lost.
    for (const open of this.#openTasks.ofRunner(runner.id)) open.suspectSince = this.#clock.now();
    this.#dispatcher.runnerChanged(runner.id);
    return declared;
  }
}
