import type { FastifyRequest } from "fastify";
import { AppError } from "../../lib/errors.ts";
import type { Caller } from "../services/access.ts";
import type { Accounts } from "../services/accounts.ts";
import type { ApiIdentity } from "../services/api-identity.ts";
import type { Actor } from "../services/audit.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls; null on routes that need nobody. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    /** Nobody needs to be known for this route. */
    readonly public?: boolean;
  }
}

/** The token of an `Authorization: Bearer|token` header, or undefined when there is no header. @throws AppError unauthenticated for another scheme */
function headerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const found = /^(?:bearer|token)[ ]+(\S+)$/i.exec(header.trim());
  if (found?.[1] !== undefined) return found[1];
  throw new AppError(
    "unauthenticated",
    'the Authorization header is not understood; send "Authorization: Bearer <API token>"',
  );
}

/** Finds out who calls. @throws AppError unauthenticated, exhausted, unavailable */
export async function identifyCaller(
  deps: { readonly apiIdentity: ApiIdentity; readonly accounts: Accounts },
  token: string,
  address: string,
): Promise<Caller> {
  const { apiToken, account } = await deps.apiIdentity.identify(token, address);
  const { grant, access, expiresAt } = apiToken;
  // An administrator's roles are never looked at.
  const roles = grant.kind === "admin" ? new Map() : await deps.accounts.roles(account.id);
  return { accountId: account.id, accountName: account.name, grant, access, expiresAt, roles };
}

/** The hook that runs before every route. */
export function authenticateHook(deps: { readonly apiIdentity: ApiIdentity; readonly accounts: Accounts }) {
  return async (request: FastifyRequest): Promise<void> => {
    if (request.routeOptions.config.public === true || request.is404) return;
    const token = headerToken(request.headers.authorization);
    if (token === undefined) {
      throw new AppError("unauthenticated", 'an API token is needed; send "Authorization: Bearer <API token>"');
    }
    request.caller = await identifyCaller(deps, token, request.ip);
  };
}

/** Who calls, on a route that needs somebody. */
export function callerOf(request: Pick<FastifyRequest, "caller">): Caller {
  if (request.caller === null) throw new AppError("unauthenticated", "an API token is needed");
  return request.caller;
}

/** The caller for the audit log. */
export function actorOf(request: Pick<FastifyRequest, "caller" | "ip">): Actor {
  return { accountId: request.caller?.accountId ?? null, address: request.ip };
}
