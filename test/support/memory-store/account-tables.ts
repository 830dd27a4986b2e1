import { AppError } from "../../../src/lib/errors.ts";
import type { Repository } from "../../../src/server/domain/account.ts";
import { DEFAULT_DISPATCH_RULES } from "../../../src/server/domain/dispatch-rules.ts";
import type { AccountWrites, RepositoryWrites } from "../../../src/server/storage/store.ts";
import { deleteOwner, deleteRepository } from "./cascade.ts";
import type { MemoryRows } from "./memory-database.ts";
import { duplicate, type MemoryView, pageOf, tableOf } from "./memory-view.ts";

/** Accounts and their members. */
export function accountTable(view: MemoryView): AccountWrites {
  const named = (name: string) => view.all("account").find((row) => row.name.toLowerCase() === name.toLowerCase());
  return tableOf<AccountWrites>("account", {
    get: (id) => view.read(() => view.get("account", id)),
    findByName: (name) => view.read(() => named(name)),
    list: (page) => view.read(() => pageOf(view.all("account"), page)),
    role: (userId, accountId) =>
      view.read(() => (userId === accountId ? "owner" : view.get("membership", `${accountId} ${userId}`)?.role)),
    rolesOf: (userId) =>
      view.read(() => [
        { accountId: userId, role: "owner" as const },
        ...view
          .all("membership")
          .filter((row) => row.userId === userId && row.accountId !== userId)
          .map(({ accountId, role }) => ({ accountId, role })),
      ]),
    members: (accountId) =>
      view.read(() =>
        view
          .all("membership")
          .filter((row) => row.accountId === accountId)
          .map(({ userId, role }) => ({ userId, role })),
      ),
    insert: (account) =>
      view.change([`account name ${account.name.toLowerCase()}`], () => {
        if (named(account.name) !== undefined) throw duplicate(`the account ${account.name}`);
        const row = { ...account, id: view.nextId("account") };
        view.put("account", row.id, row);
        return row;
      }),
    setRole: (userId, accountId, role) =>
      view.change([`membership ${accountId} ${userId}`], () => {
        if (role === null) view.remove("membership", `${accountId} ${userId}`);
        else view.put("membership", `${accountId} ${userId}`, { userId, accountId, role });
      }),
    delete: (id) => view.change([`account ${id}`], () => deleteOwner(view, id)),
  });
}

/** Repositories. */
export function repositoryTable(view: MemoryView): RepositoryWrites {
  const shown = (row: MemoryRows["repository"] | undefined): Repository | undefined => {
    if (row === undefined) return undefined;
    const { sealedCredential: _credential, runCounter: _counter, dispatchRules: _rules, ...repository } = row;
    return { ...repository, ownerName: view.get("account", row.ownerId)?.name ?? "" };
  };
  const rulesOf = (row: MemoryRows["repository"] | undefined) => ({ ...DEFAULT_DISPATCH_RULES, ...row?.dispatchRules });
  const shownAll = () => view.all("repository").flatMap((row) => shown(row) ?? []);
  return tableOf<RepositoryWrites>("repository", {
    get: (id) => view.read(() => shown(view.get("repository", id))),
    getMany: (ids) => view.read(() => ids.flatMap((id) => shown(view.get("repository", id)) ?? [])),
    find: (ownerName, name) =>
      view.read(() =>
        shownAll().find(
          (row) =>
            row.ownerName.toLowerCase() === ownerName.toLowerCase() && row.name.toLowerCase() === name.toLowerCase(),
        ),
      ),
    list: ({ ownerIds, repositoryId }, page) =>
      view.read(() =>
        pageOf(
          shownAll().filter(
            (row) =>
              (ownerIds === undefined || ownerIds.includes(row.ownerId)) &&
              (repositoryId === undefined || row.id === repositoryId),
          ),
          page,
        ),
      ),
    credential: (id) => view.read(() => view.get("repository", id)?.sealedCredential ?? null),
    dispatchRules: (id) => view.read(() => rulesOf(view.get("repository", id))),
    allDispatchRules: () =>
      view.read(
        () =>
          new Map(
            view.all("repository").flatMap((row) => (row.dispatchRules === null ? [] : [[row.id, rulesOf(row)]])),
          ),
      ),
    insert: (repository, sealedCredential) =>
      view.change([`repository name ${repository.ownerId} ${repository.name.toLowerCase()}`], () => {
        const { ownerId, name } = repository;
        const same = (row: Repository) => row.ownerId === ownerId && row.name.toLowerCase() === name.toLowerCase();
        if (shownAll().some(same)) throw duplicate(`the repository ${name}`);
        const id = view.nextId("repository");
        const row = { ...repository, id, sealedCredential, runCounter: 0, dispatchRules: null };
        view.put("repository", id, row);
        const made = shown(row);
        if (made === undefined) throw new AppError("internal", `repository ${id} vanished`);
        return made;
      }),
    update: (id, patch) =>
      view.change([`repository ${id}`], () => {
        const row = view.get("repository", id);
        if (row !== undefined) view.put("repository", id, { ...row, ...patch });
      }),
    delete: (id) => view.change([`repository ${id}`], () => deleteRepository(view, id)),
  });
}
