import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import { newRunner } from "../domain/new-runner.ts";
import type { Runner } from "../domain/runner.ts";
import { type RunnerStatus, runnerStatus } from "../domain/runner-status.ts";
import { GLOBAL_SCOPE, type Scope, scopeKey } from "../domain/scope.ts";
import type { Page, PageRequest, Store } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { EditRunner, RunnerPatch } from "./edit-runner.ts";
import type { Presence } from "./presence.ts";
import { checkedLabels, truncated } from "./runner-fields.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import { type RunnerTokens, type TokenOffer, takesTokens } from "./runner-tokens.ts";
import type { LastReport, TakeReport } from "./take-report.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** A runner with what it is doing. */
export interface RunnerView {
  readonly runner: Runner;
  readonly state: RunnerStatus;
  /** Whether it holds a task. */
  readonly busy: boolean;
  /** Its last report on itself, where this server has one. */
  readonly report: LastReport | undefined;
}

/** What the service needs around it. */
export interface RunnerAdminDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hasher: TokenHasher;
  readonly identity: RunnerIdentity;
  readonly presence: Presence;
  readonly editRunner: EditRunner;
  readonly reports: TakeReport;
  readonly runnerTokens: RunnerTokens;
  /** A runner that is silent for longer is offline. */
  readonly offlineAfterMs: number;
}

/** Lists and administers runners. */
export class RunnerAdmin {
  readonly #deps: RunnerAdminDeps;

  constructor(deps: RunnerAdminDeps) {
    this.#deps = deps;
  }

  /**
   * Runners of a scope: of the whole server all that there are, else those of exactly that scope.
   * @param filter.inherited also those of the scopes above, which serve this one too
   */
  async list(
    scope: Scope,
    filter: { readonly disabled?: boolean | undefined; readonly inherited?: boolean | undefined },
    page: PageRequest,
  ): Promise<Page<RunnerView>> {
    const { runners } = this.#deps.store.read;
    const disabled = filter.disabled === undefined ? {} : { disabled: filter.disabled };
    if (filter.inherited !== true || scope.kind === "global") {
      const own = scope.kind === "global" ? { within: GLOBAL_SCOPE } : { scope };
      const found = await runners.list({ ...own, ...disabled }, page);
      return { items: await this.#views(found.items), total: found.total };
    }
    const all: Runner[] = [];
    for (const visible of [scope, ...scopesAbove(scope)]) {
      all.push(...(await allPages((request) => runners.list({ scope: visible, ...disabled }, request))));
    }
    const from = (page.page - 1) * page.limit;
    return { items: await this.#views(all.slice(from, from + page.limit)), total: all.length };
  }

  /** A runner of a scope. @throws AppError not_found, also for a runner of another scope */
  async get(scope: Scope, id: number): Promise<RunnerView> {
    return await this.#view(await this.#find(scope, id));
  }

  /** Makes a runner without a registration token; its own token is returned this once. */
  async create(
    scope: Scope,
    wanted: {
      readonly name: string;
      readonly description?: string | undefined;
      readonly ephemeral?: boolean | undefined;
      readonly labels?: readonly string[] | undefined;
    },
    actor: Actor,
  ): Promise<{ readonly runner: Runner; readonly token: string }> {
    const { store, clock, ids, hasher, identity } = this.#deps;
    if (wanted.name.trim() === "") throw new AppError("invalid", "the runner has no name; give one");
    const labels = checkedLabels(wanted.labels ?? []);
    const token = ids.token();
    const verifier = await hasher.make(token);
    const runner = await store.write(async (tx) => {
      const now = clock.now();
      const row = newRunner({
        ...{ uuid: ids.uuid(), name: truncated(wanted.name.trim(), 255), scope, labels, createdAt: now },
        description: truncated(wanted.description ?? "", 1024),
        ephemeral: wanted.ephemeral ?? false,
      });
      const inserted = await tx.runners.insert(row, verifier);
      const detail = { name: inserted.name, scope: scopeKey(scope) };
      await audit(tx, now, actor, { action: "runner.create", target: `runner:${inserted.id}`, detail });
      return inserted;
    });
    identity.learn(runner, verifier);
    return { runner, token };
  }

  /** Changes a runner. A disabled one takes no new tasks and finishes those it has. */
  async update(scope: Scope, id: number, patch: RunnerPatch, actor: Actor): Promise<RunnerView> {
    await this.#find(scope, id);
    return await this.#view(await this.#deps.editRunner.update(id, patch, actor));
  }

  /** Deletes a runner; what it runs ends. */
  async delete(scope: Scope, id: number, actor: Actor): Promise<void> {
    await this.#find(scope, id);
    await this.#deps.editRunner.delete(id, actor);
  }

  /**
   * Gives a runner a new token.
   * @returns the token, and whether the runner is told of it by the server; else somebody has to bring it there
   */
  async rotateToken(
    scope: Scope,
    id: number,
    options: { readonly overlapMs?: number },
    actor: Actor,
  ): Promise<TokenOffer & { readonly told: boolean }> {
    const runner = await this.#find(scope, id);
    const offer = await this.#deps.runnerTokens.rotate(id, actor, options);
    return { ...offer, told: takesTokens(runner) };
  }

  async #find(scope: Scope, id: number): Promise<Runner> {
    const runner = await this.#deps.store.read.runners.get(id);
    if (runner === undefined || (scope.kind !== "global" && scopeKey(runner.scope) !== scopeKey(scope)))
      throw missing(id);
    return runner;
  }

  #views(runners: readonly Runner[]): Promise<RunnerView[]> {
    return Promise.all(runners.map((runner) => this.#view(runner)));
  }

  async #view(stored: Runner): Promise<RunnerView> {
    const { store, presence, clock, reports, offlineAfterMs } = this.#deps;
    const runner = presence.current(stored);
    const open = await store.read.tasks.openOfRunner(runner.id);
    const state = runnerStatus(runner, { now: clock.now(), offlineAfterMs });
    return { runner, state, busy: open.length > 0, report: reports.last(runner.id) };
  }
}

function missing(id: number): AppError {
  return new AppError("not_found", `there is no runner ${id}, or this token may not know of it`);
}

function scopesAbove(scope: Scope): Scope[] {
  switch (scope.kind) {
    case "global":
      return [];
    case "owner":
      return [GLOBAL_SCOPE];
    case "repository":
      return [{ kind: "owner", ownerId: scope.ownerId }, GLOBAL_SCOPE];
  }
}

/** All entries of a paged list. */
async function allPages<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const entries: T[] = [];
  for (let page = 1; ; page++) {
    const { items, total } = await list({ page, limit: 50 });
    entries.push(...items);
    if (items.length === 0 || entries.length >= total) return entries;
  }
}
