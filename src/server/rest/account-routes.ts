import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Account } from "../domain/account.ts";
import { requirePermission, serverPermission } from "../services/access.ts";
import { accountJson, accountShape } from "./account-json.ts";
import { actorOf, callerOf } from "./authenticate.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { openAccount, orgPath } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";

const userPath = z.object({ username: z.string().min(1).max(255) });
const memberPath = orgPath.extend({ username: z.string().min(1).max(255) });
const membership = z.object({ user: accountShape, role: z.enum(["owner", "write", "read"]) });
const tags = ["accounts"];

/** Users, organisations and their members. */
export function accountRoutes(app: RestApp, deps: RestDeps): void {
  readRoutes(app, deps);
  userRoutes(app, deps);
  orgRoutes(app, deps);
  memberRoutes(app, deps);
}

function readRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    "/user",
    { schema: { tags, summary: "Who the token belongs to", response: { 200: callerShape } } },
    async (request) => {
      const caller = callerOf(request);
      const account = await deps.accounts.get(caller.accountName);
      return {
        ...accountJson(account),
        is_admin: caller.grant.kind === "admin",
        token: { grant: caller.grant.kind, access: caller.access },
      };
    },
  );
  app.get(
    "/admin/accounts",
    { schema: { tags, summary: "All accounts", querystring: pageQuery, response: { 200: z.array(accountShape) } } },
    async (request, reply) => {
      requirePermission(serverPermission(callerOf(request), "read"), "the server", "read");
      const found = await deps.accounts.list(request.query);
      setTotal(request, reply, deps.publicUrl(), request.query, found.total);
      return found.items.map(accountJson);
    },
  );
  app.get(
    "/orgs/:org",
    { schema: { tags, summary: "An account", params: orgPath, response: { 200: accountShape } } },
    async (request) => accountJson(await openAccount(deps, request, request.params.org, "read")),
  );
  app.get(
    "/users/:username",
    { schema: { tags, summary: "An account", params: userPath, response: { 200: accountShape } } },
    async (request) => accountJson(await openAccount(deps, request, request.params.username, "read")),
  );
}

const callerShape = accountShape.extend({
  is_admin: z.boolean(),
  token: z.object({ grant: z.string(), access: z.string() }),
});

function userRoutes(app: RestApp, deps: RestDeps): void {
  app.post(
    "/admin/users",
    {
      schema: {
        ...{ tags, summary: "Makes a user" },
        ...{ body: z.strictObject({ username: z.string() }), response: { 201: accountShape } },
      },
    },
    async (request, reply) => {
      requirePermission(serverPermission(callerOf(request), "owner"), "the server", "owner");
      return reply
        .code(201)
        .send(accountJson(await deps.accounts.create(request.body.username, "user", actorOf(request))));
    },
  );
  app.delete(
    "/admin/users/:username",
    { schema: { tags, summary: "Deletes a user without repositories", params: userPath, response: { 204: z.null() } } },
    async (request, reply) => {
      requirePermission(serverPermission(callerOf(request), "owner"), "the server", "owner");
      const user = await deps.accounts.get(request.params.username, "user");
      if (user.id === callerOf(request).accountId) {
        throw new AppError("conflict", "the token belongs to this user; delete it with another administrator's token");
      }
      await deps.accounts.delete(user, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

function orgRoutes(app: RestApp, deps: RestDeps): void {
  app.post(
    "/orgs",
    {
      schema: {
        ...{ tags, summary: "Makes an organisation; the caller owns it" },
        ...{ body: z.strictObject({ username: z.string() }), response: { 201: accountShape } },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      requirePermission(serverPermission(caller, "owner"), "the server", "owner");
      const org = await deps.accounts.create(request.body.username, "org", actorOf(request), caller.accountId);
      return reply.code(201).send(accountJson(org));
    },
  );
  app.delete(
    "/orgs/:org",
    {
      schema: {
        tags,
        summary: "Deletes an organisation without repositories",
        params: orgPath,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const org = requireOrg(await openAccount(deps, request, request.params.org, "owner"));
      await deps.accounts.delete(org, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

function requireOrg(account: Account): Account {
  if (account.kind === "org") return account;
  throw new AppError("invalid", `${account.name} is a user, not an organisation`);
}

function memberRoutes(app: RestApp, deps: RestDeps): void {
  const role = z.strictObject({ role: z.enum(["owner", "write", "read"]) });
  app.get(
    "/orgs/:org/members/:username",
    { schema: { tags, summary: "Role of a member", params: memberPath, response: { 200: membership } } },
    async (request) => {
      const org = await openAccount(deps, request, request.params.org, "read");
      const user = await deps.accounts.get(request.params.username, "user");
      return { user: accountJson(user), role: await deps.accounts.role(user, org) };
    },
  );
  app.put(
    "/orgs/:org/members/:username",
    { schema: { tags, summary: "Gives a user a role", params: memberPath, body: role, response: { 200: membership } } },
    async (request) => {
      const org = requireOrg(await openAccount(deps, request, request.params.org, "owner"));
      const user = await deps.accounts.get(request.params.username, "user");
      await deps.accounts.setRole(user, org, request.body.role, actorOf(request));
      return { user: accountJson(user), role: request.body.role };
    },
  );
  app.delete(
    "/orgs/:org/members/:username",
    { schema: { tags, summary: "Takes a user's role away", params: memberPath, response: { 204: z.null() } } },
    async (request, reply) => {
      const org = requireOrg(await openAccount(deps, request, request.params.org, "owner"));
      const user = await deps.accounts.get(request.params.username, "user");
      await deps.accounts.setRole(user, org, null, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}
