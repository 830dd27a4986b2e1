import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Account, Repository } from "../domain/account.ts";
import { GLOBAL_SCOPE, type Scope } from "../domain/scope.ts";
import {
  accountPermission,
  type Need,
  repositoryPermission,
  requirePermission,
  serverPermission,
} from "../services/access.ts";
import type { Accounts } from "../services/accounts.ts";
import type { Repositories } from "../services/repositories.ts";
import { callerOf } from "./authenticate.ts";

/** Name of an account or repository in a path. */
const name = z.string().min(1).max(255);
/** An id in a path. */
export const id = z.coerce.number().int().min(1);
/** Path of an organisation (or user). */
export const orgPath = z.object({ org: name });
/** Path of a repository. */
export const repoPath = z.object({ owner: name, repo: name });

interface PlaceDeps {
  readonly accounts: Accounts;
  readonly repositories: Repositories;
}

/** One of the four places where runners, secrets and variables are administered. */
export interface Place {
  readonly kind: "admin" | "org" | "user" | "repo";
  /** Path below `/api/v1`. */
  readonly prefix: string;
  /** Parameters of the path. */
  readonly params: z.ZodObject<Record<never, never>>;
  /** The scope, once it is clear that the caller may. @throws AppError not_found, forbidden */
  open(deps: PlaceDeps, request: FastifyRequest, need: Need): Promise<Scope>;
}

/** `/admin/actions`, `/orgs/{org}/actions`, `/user/actions`, `/repos/{owner}/{repo}/actions`. */
export const PLACES: readonly Place[] = [
  {
    kind: "admin",
    prefix: "/admin/actions",
    params: z.object({}),
    async open(_deps, request, need) {
      requirePermission(serverPermission(callerOf(request), need), "the server", need);
      return GLOBAL_SCOPE;
    },
  },
  {
    kind: "org",
    prefix: "/orgs/:org/actions",
    params: orgPath,
    async open(deps, request, need) {
      const { org } = orgPath.parse(request.params);
      return { kind: "owner", ownerId: (await openAccount(deps, request, org, need)).id };
    },
  },
  {
    kind: "user",
    prefix: "/user/actions",
    params: z.object({}),
    async open(_deps, request, need) {
      const caller = callerOf(request);
      const permission = accountPermission(caller, caller.accountId, need);
      // Nobody needs to be kept from knowing of himself.
      if (permission === "hidden")
        throw new AppError("forbidden", "this token is limited to something else than its own account");
      requirePermission(permission, "the account", need);
      return { kind: "owner", ownerId: caller.accountId };
    },
  },
  {
    kind: "repo",
    prefix: "/repos/:owner/:repo/actions",
    params: repoPath,
    async open(deps, request, need) {
      const repository = await openRepository(deps, request, repoPath.parse(request.params), need);
      return { kind: "repository", ownerId: repository.ownerId, repositoryId: repository.id };
    },
  },
];

/** An account that the caller may do this with. @throws AppError not_found, forbidden */
export async function openAccount(
  deps: Pick<PlaceDeps, "accounts">,
  request: FastifyRequest,
  account: string,
  need: Need,
): Promise<Account> {
  const found = await deps.accounts.get(account);
  requirePermission(accountPermission(callerOf(request), found.id, need), `account ${account}`, need);
  return found;
}

/** A repository that the caller may do this with. @throws AppError not_found, forbidden */
export async function openRepository(
  deps: Pick<PlaceDeps, "repositories">,
  request: FastifyRequest,
  path: { readonly owner: string; readonly repo: string },
  need: Need,
): Promise<Repository> {
  const fullName = `repository ${path.owner}/${path.repo}`;
  const found = await deps.repositories.find(path.owner, path.repo);
  if (found === undefined) throw new AppError("not_found", `there is no ${fullName}, or this token may not know of it`);
  requirePermission(repositoryPermission(callerOf(request), found, need), fullName, need);
  return found;
}
