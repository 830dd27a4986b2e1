import { GLOBAL_SCOPE, type Scope, scopeKey } from "../../../src/server/domain/scope.ts";
import type { AuditWrites, MetaWrites, SettingWrites, TasksVersionWrites } from "../../../src/server/storage/store.ts";
import { type MemoryView, pageOf, tableOf } from "./memory-view.ts";

/** Gitea's tasks_version. */
export function tasksVersionTable(view: MemoryView): TasksVersionWrites {
  return tableOf<TasksVersionWrites>("tasksVersion", {
    get: (scope) => view.read(() => view.get("tasksVersion", scopeKey(scope)) ?? 0),
    bump: ({ ownerId, repositoryId }) => {
      const keys = ["global", `owner:${ownerId}`, `repository:${repositoryId}`];
      const locks = keys.map((key) => `tasksVersion ${key}`);
      return view.change(locks, () => {
        for (const key of keys) view.put("tasksVersion", key, (view.get("tasksVersion", key) ?? 0) + 1);
      });
    },
  });
}

/** Secrets and variables. */
export function settingTable(view: MemoryView): SettingWrites {
  return tableOf<SettingWrites>("setting", {
    list: (kind, scope) =>
      view.read(() =>
        view
          .all("setting")
          .filter((row) => row.kind === kind && row.scope === scopeKey(scope))
          .map((row) => row.setting),
      ),
    visibleTo: ({ ownerId, repositoryId }) =>
      view.read(() => {
        const scopes: readonly Scope[] = [
          GLOBAL_SCOPE,
          { kind: "owner", ownerId },
          { kind: "repository", ownerId, repositoryId },
        ];
        const all = view.all("setting");
        return scopes.flatMap((scope) =>
          all.filter((row) => row.scope === scopeKey(scope)).map(({ kind, setting }) => ({ ...setting, kind, scope })),
        );
      }),
    put: (kind, scope, setting) => {
      const key = `${kind} ${scopeKey(scope)} ${setting.name}`;
      return view.change([`setting ${key}`], () => {
        const old = view.get("setting", key)?.setting;
        const merged = old === undefined ? setting : { ...setting, createdAt: old.createdAt };
        view.put("setting", key, { kind, scope: scopeKey(scope), setting: merged });
        return old === undefined;
      });
    },
    delete: (kind, scope, name) => {
      const key = `${kind} ${scopeKey(scope)} ${name}`;
      return view.change([`setting ${key}`], () => {
        const there = view.get("setting", key) !== undefined;
        view.remove("setting", key);
        return there;
      });
    },
  });
}

/** The audit log. */
export function auditTable(view: MemoryView): AuditWrites {
  return tableOf<AuditWrites>("audit", {
    list: (page) => view.read(() => pageOf(view.all("audit"), page)),
    append: (row) => view.change([], () => view.put("audit", view.nextId("audit"), row)),
  });
}

/** Single values of the server. */
export function metaTable(view: MemoryView): MetaWrites {
  return tableOf<MetaWrites>("meta", {
    get: (key) => view.read(() => view.get("meta", key)),
    putIfAbsent: (key, value) =>
      view.change([`meta ${key}`], () => {
        const stored = view.get("meta", key) ?? value;
        view.put("meta", key, stored);
        return stored;
      }),
  });
}
