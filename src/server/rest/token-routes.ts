import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Account, ApiToken } from "../domain/account.ts";
import { accountPermission, type Caller, requirePermission } from "../services/access.ts";
import { actorOf, callerOf } from "./authenticate.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { id, openAccount, openRepository } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

const path = z.object({ username: z.string().min(1).max(255) });

const newToken = z.strictObject({
  name: z.string().min(1).max(255),
  /** What the token reaches: everything, one owner's things, one repository. */
  grant: z.enum(["admin", "owner", "repository"]).default("owner"),
  /** Name of the owner. @default the account itself */
  owner: z.string().optional(),
  /** `owner/name`, for the grant `repository`. */
  repository: z.string().optional(),
  access: z.enum(["read", "write"]).default("read"),
  expires_at: z.iso.datetime({ offset: true }).optional(),
});

const tokenShape = z.object({
  id: z.number(),
  name: z.string(),
  grant: z.enum(["admin", "owner", "repository"]),
  owner_id: z.number().nullable(),
  repo_id: z.number().nullable(),
  access: z.enum(["read", "write"]),
  expires_at: z.string().nullable(),
  created_at: z.string(),
});

/** API tokens of an account. Their text is shown once. */
export function tokenRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    "/users/:username/tokens",
    {
      schema: {
        ...{ tags: ["tokens"], summary: "API tokens of an account, without their text" },
        ...{ params: path, querystring: pageQuery, response: { 200: z.array(tokenShape) } },
      },
    },
    async (request, reply) => {
      const account = await openOwn(deps, request, request.params.username);
      const found = await deps.apiTokens.list(account, request.query);
      setTotal(request, reply, deps.publicUrl(), request.query, found.total);
      return found.items.map(tokenJson);
    },
  );
  app.post(
    "/users/:username/tokens",
    {
      schema: {
        ...{ tags: ["tokens"], summary: "Makes an API token; its text is shown this once" },
        ...{
          params: path,
          body: newToken,
          response: { 201: tokenShape.extend({ sha1: z.string(), token: z.string() }) },
        },
      },
    },
    async (request, reply) => {
      const account = await openOwn(deps, request, request.params.username);
      const { name, access, expires_at: expires } = request.body;
      const expiresAt = expires === undefined ? null : Date.parse(expires);
      const grant = await grantFor(deps, request, request.body, account);
      requireNotMore(callerOf(request), { grant, access, expiresAt });
      const made = await deps.apiTokens.create(account, { name, grant, access, expiresAt }, actorOf(request));
      // `sha1` is the name under which Gitea's clients look for it.
      return reply.code(201).send({ ...tokenJson(made.apiToken), sha1: made.token, token: made.token });
    },
  );
  app.delete(
    "/users/:username/tokens/:id",
    {
      schema: {
        tags: ["tokens"],
        summary: "Deletes an API token",
        params: path.extend({ id }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const account = await openOwn(deps, request, request.params.username);
      await deps.apiTokens.delete(account, request.params.id, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

/** An account whose tokens the caller may administer: all for administrators, else only the caller's own. */
async function openOwn(deps: RestDeps, request: FastifyRequest, username: string): Promise<Account> {
  const caller = callerOf(request);
  const account = await deps.accounts.get(username);
  const hidden = caller.grant.kind !== "admin" && account.id !== caller.accountId;
  requirePermission(hidden ? "hidden" : accountPermission(caller, account.id, "owner"), `account ${username}`, "owner");
  return account;
}

/** @throws AppError not_found, with one answer for what does not exist and for what the caller may not know of */
async function grantFor(
  deps: RestDeps,
  request: FastifyRequest,
  wanted: z.infer<typeof newToken>,
  account: Account,
): Promise<ApiToken["grant"]> {
  switch (wanted.grant) {
    case "admin":
      return { kind: "admin" };
    case "owner": {
      const owner = wanted.owner === undefined ? account : await openAccount(deps, request, wanted.owner, "read");
      return { kind: "owner", ownerId: owner.id };
    }
    case "repository": {
      const [owner = "", repo = ""] = (wanted.repository ?? "").split("/");
      if (repo === "") throw new AppError("invalid", "the grant repository needs a repository, as owner/name");
      const repository = await openRepository(deps, request, { owner, repo }, "read");
      return { kind: "repository", ownerId: repository.ownerId, repositoryId: repository.id };
    }
  }
}

/** Nobody gives more than he has. */
function requireNotMore(
  caller: Caller,
  { grant, access, expiresAt }: Pick<ApiToken, "grant" | "access" | "expiresAt">,
): void {
  const isAdmin = caller.grant.kind === "admin";
  if (caller.expiresAt !== null && (expiresAt === null || expiresAt > caller.expiresAt)) {
    const until = timeText(caller.expiresAt);
    throw new AppError("forbidden", `this token expires, and so must those it makes: give expires_at up to ${until}`);
  }
  if (access === "write" && caller.access !== "write")
    throw new AppError("forbidden", "a token that may only read cannot make one that may write");
  if (isAdmin) return;
  if (grant.kind === "admin") throw new AppError("forbidden", "only administrators make tokens with the grant admin");
  const within = caller.grant.kind === "owner" && caller.grant.ownerId === grant.ownerId;
  if (!within) throw new AppError("forbidden", "this token cannot make one that reaches further than itself");
}

function tokenJson(token: ApiToken): z.infer<typeof tokenShape> {
  const { grant } = token;
  return {
    id: token.id,
    name: token.name,
    grant: grant.kind,
    owner_id: grant.kind === "admin" ? null : grant.ownerId,
    repo_id: grant.kind === "repository" ? grant.repositoryId : null,
    access: token.access,
    expires_at: timeText(token.expiresAt),
    created_at: timeText(token.createdAt),
  };
}
