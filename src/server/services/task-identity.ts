import { AppError } from "../../lib/errors.ts";
import { isConclusion } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import type { Store } from "../storage/store.ts";
import type { RuntimeTokens } from "./runtime-tokens.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** Tells which running task a credential belongs to, for git and the job services. Both kinds die with the task. */
export class TaskIdentity {
  readonly #store: Store;
  readonly #hasher: TokenHasher;
  readonly #runtimeTokens: RuntimeTokens;

  constructor(deps: { readonly store: Store; readonly hasher: TokenHasher; readonly runtimeTokens: RuntimeTokens }) {
    this.#store = deps.store;
    this.#hasher = deps.hasher;
    this.#runtimeTokens = deps.runtimeTokens;
  }

  /** The open task of a task token (`GITHUB_TOKEN`). @throws AppError unauthenticated when there is none */
  async byToken(token: string): Promise<Task> {
    return open(await this.#store.read.tasks.findByTokenMac(this.#hasher.mac(token)));
  }

  /** The open task of a runtime JWT (`ACTIONS_RUNTIME_TOKEN`). @throws AppError unauthenticated when there is none */
  async byRuntimeToken(jwt: string): Promise<Task> {
    const { taskId } = await this.#runtimeTokens.verify(jwt);
    return open(await this.#store.read.tasks.get(taskId));
  }
}

function open(task: Task | undefined): Task {
  if (task === undefined || isConclusion(task.status)) {
    throw new AppError("unauthenticated", "the token does not belong to a running task; tokens of tasks end with them");
  }
  return task;
}
