import { type Scope, scopeKey } from "../../../src/server/domain/scope.ts";
import type { RunnerWrites } from "../../../src/server/storage/store.ts";
import { duplicate, type MemoryView, pageOf, tableOf } from "./memory-view.ts";

/** Runners; the deleted ones are invisible. */
export function runnerTable(view: MemoryView): RunnerWrites {
  const live = (id: number) => {
    const row = view.get("runner", id);
    return row === undefined || row.runner.deletedAt !== null ? undefined : row;
  };
  const all = () => view.all("runner").filter(({ runner }) => runner.deletedAt === null);
  return tableOf<RunnerWrites>("runner", {
    get: (id) => view.read(() => live(id)?.runner),
    getMany: (ids) => view.read(() => ids.flatMap((id) => live(id)?.runner ?? [])),
    lock: (id) => view.change([`runner ${id}`], () => live(id)?.runner),
    findByUuid: (uuid) =>
      view.read(() => {
        const row = view
          .all("runner")
          .find(
            ({ runner: { uuid: own, deletedAt, reportsUntil } }) =>
              own === uuid && (deletedAt === null || reportsUntil !== null),
          );
        return row === undefined ? undefined : { runner: row.runner, verifier: row.verifier, next: row.next };
      }),
    sealedToken: (id) => view.read(() => live(id)?.sealed ?? undefined),
    list: ({ scope, within, disabled }, page) =>
      view.read(() =>
        pageOf(
          all()
            .map(({ runner }) => runner)
            .filter(
              (runner) =>
                (scope === undefined || scopeKey(runner.scope) === scopeKey(scope)) &&
                (within === undefined || liesWithin(runner.scope, within)) &&
                (disabled === undefined || runner.disabled === disabled),
            ),
          page,
        ),
      ),
    insert: (runner, verifier) =>
      view.change([`runner uuid ${runner.uuid}`], () => {
        if (view.all("runner").some((row) => row.runner.uuid === runner.uuid)) throw duplicate("the runner");
        const row = { ...runner, id: view.nextId("runner") };
        view.put("runner", row.id, { runner: row, verifier, next: null, sealed: null });
        return row;
      }),
    update: (id, patch) =>
      view.change([`runner ${id}`], () => {
        const row = live(id);
        if (row === undefined) return false;
        const runner = { ...row.runner, ...patch };
        view.put("runner", id, { ...row, runner: { ...runner, labels: runner.labelOverlay ?? runner.declaredLabels } });
        return true;
      }),
    setVerifier: (id, verifier) =>
      view.change([`runner ${id}`], () => {
        const row = view.get("runner", id);
        if (row !== undefined) view.put("runner", id, { ...row, verifier });
      }),
    offerToken: (id, { verifier: next, sealed }, oldTokenUntil) =>
      view.change([`runner ${id}`], () => {
        const row = live(id);
        if (row === undefined) return false;
        view.put("runner", id, { ...row, next, sealed, runner: { ...row.runner, oldTokenUntil } });
        return true;
      }),
    confirmToken: (id, mac, now) =>
      view.change([`runner ${id}`], () => {
        const row = live(id);
        if (row?.next?.mac !== mac) return false;
        const runner = { ...row.runner, tokenMadeAt: now, oldTokenUntil: null };
        view.put("runner", id, { runner, verifier: row.next, next: null, sealed: null });
        return true;
      }),
    delete: (id, now, reportsUntil = null) =>
      view.change([`runner ${id}`], () => {
        const row = live(id);
        if (row === undefined) return false;
        view.put("runner", id, { ...row, runner: { ...row.runner, deletedAt: now, reportsUntil } });
        return true;
      }),
    touch: (stamps) =>
      view.change(stamps.map(({ id }) => `runner ${id}`).sort(), () => {
        for (const { id, lastOnline, lastActive } of stamps) {
          const row = live(id);
          if (row === undefined) continue;
          const active = Math.max(row.runner.lastActive ?? 0, lastActive ?? 0);
          const times = {
            lastOnline: Math.max(row.runner.lastOnline ?? 0, lastOnline),
            lastActive: active === 0 ? null : active,
          };
          view.put("runner", id, { ...row, runner: { ...row.runner, ...times } });
        }
      }),
  });
}

function liesWithin(scope: Scope, outer: Scope): boolean {
  if (outer.kind === "global") return true;
  if (outer.kind === "owner") return scope.kind !== "global" && scope.ownerId === outer.ownerId;
  return scopeKey(scope) === scopeKey(outer);
}
