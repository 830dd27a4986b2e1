import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import type { DispatchRules } from "../domain/dispatch-rules.ts";
import type { Store } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { ChangeBus } from "./change-bus.ts";
import type { DispatchSettings } from "./dispatch-settings.ts";

/** Reads and changes how the jobs of repositories are handed out. */
export class DispatchRulesService {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #settings: DispatchSettings;
  readonly #bus: ChangeBus;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly settings: DispatchSettings;
    readonly bus: ChangeBus;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#settings = deps.settings;
    this.#bus = deps.bus;
  }

  /** The rules of a repository. */
  get(repository: Repository): Promise<DispatchRules> {
    return this.#store.read.repositories.dispatchRules(repository.id);
  }

  /**
   * Changes some of the rules.
   * @param admin whether the caller may change the weight, which takes from other repositories
   * @throws AppError forbidden
   */
  async update(
    repository: Repository,
    patch: Partial<DispatchRules>,
    admin: boolean,
    actor: Actor,
  ): Promise<DispatchRules> {
    if (patch.weight !== undefined && !admin) {
      throw new AppError("forbidden", "only an administrator may change the weight of a repository; leave it out");
    }
    const dispatchRules = await this.#store.write(async (tx) => {
      const rules = { ...(await tx.repositories.dispatchRules(repository.id)), ...patch };
      await tx.repositories.update(repository.id, { dispatchRules: rules });
      const detail = { fields: Object.keys(patch) };
      const target = `repository:${repository.id}`;
      await audit(tx, this.#clock.now(), actor, { action: "repository.dispatch", target, detail });
      return rules;
    });
    await this.#settings.load();
    this.#bus.publish([{ kind: "dispatch-rules" }]);
    return dispatchRules;
  }
}
