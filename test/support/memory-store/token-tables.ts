import { scopeKey } from "../../../src/server/domain/scope.ts";
import type { ApiTokenWrites, RegistrationTokenWrites } from "../../../src/server/storage/store.ts";
import { duplicate, type MemoryView, pageOf, tableOf } from "./memory-view.ts";

/** Credentials of the REST interface. */
export function apiTokenTable(view: MemoryView): ApiTokenWrites {
  const tokens = () => view.all("apiToken").map(({ token }) => token);
  return tableOf<ApiTokenWrites>("apiToken", {
    get: (id) => view.read(() => view.get("apiToken", id)?.token),
    findByMac: (mac) => view.read(() => view.all("apiToken").find((row) => row.mac === mac)?.token),
    list: (accountId, page) =>
      view.read(() =>
        pageOf(
          tokens().filter((token) => accountId === undefined || token.accountId === accountId),
          page,
        ),
      ),
    insert: (token, { mac }) =>
      view.change([`apiToken mac ${mac}`], () => {
        if (mac !== "" && view.all("apiToken").some((row) => row.mac === mac)) throw duplicate("the API token");
        const row = { ...token, id: view.nextId("apiToken") };
        view.put("apiToken", row.id, { token: row, mac });
        return row;
      }),
    delete: (id) => view.change([`apiToken ${id}`], () => view.remove("apiToken", id)),
  });
}

/** Credentials that make runners. */
export function registrationTokenTable(view: MemoryView): RegistrationTokenWrites {
  const ofScope = (scope: string) =>
    view.all("registrationToken").filter(({ token }) => scopeKey(token.scope) === scope);
  return tableOf<RegistrationTokenWrites>("registrationToken", {
    findByMac: (mac) => view.read(() => view.all("registrationToken").find((row) => row.mac === mac)?.token),
    current: (scope) =>
      view.read(() =>
        ofScope(scopeKey(scope))
          .map(({ token }) => token)
          .findLast((token) => token.current && token.active),
      ),
    insert: (token, mac) =>
      view.change([`registrationToken of ${scopeKey(token.scope)}`], () => {
        if (token.current) {
          for (const { token: old, mac: oldMac } of ofScope(scopeKey(token.scope)))
            view.put("registrationToken", old.id, { token: { ...old, current: false }, mac: oldMac });
        }
        const row = { ...token, id: view.nextId("registrationToken") };
        view.put("registrationToken", row.id, { token: row, mac });
        return row;
      }),
    deactivate: (scope) =>
      view.change([`registrationToken of ${scopeKey(scope)}`], () => {
        for (const { token, mac } of ofScope(scopeKey(scope)))
          view.put("registrationToken", token.id, { token: { ...token, active: false }, mac });
      }),
    consume: (id, now) =>
      view.change([`registrationToken ${id}`], () => {
        const row = view.get("registrationToken", id);
        if (row === undefined) return false;
        const { active, expiresAt, usesLeft } = row.token;
        if (!active || (expiresAt !== null && expiresAt <= now) || (usesLeft !== null && usesLeft <= 0)) return false;
        if (usesLeft !== null)
          view.put("registrationToken", id, { ...row, token: { ...row.token, usesLeft: usesLeft - 1 } });
        return true;
      }),
  });
}
