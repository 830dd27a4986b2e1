import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Account } from "../domain/account.ts";
import { accountPermission, type Caller, requirePermission } from "../services/access.ts";
import type { NewRepository } from "../services/repositories.ts";
import { actorOf, callerOf } from "./authenticate.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { openAccount, openRepository, orgPath, repoPath } from "./places.ts";
import { repositoryJson, repositoryShape } from "./repository-json.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";

const credential = z.strictObject({
  username: z.string().optional(),
  password: z.string().optional(),
  private_key: z.string().optional(),
  known_hosts: z.string().optional(),
});

const newRepository = z.strictObject({
  name: z.string(),
  /** https, ssh, or for administrators an absolute path below the server's --repo-root. */
  clone_url: z.string(),
  default_branch: z.string().min(1).optional(),
  credential: credential.optional(),
});

const repositoryPatch = z.strictObject({
  clone_url: z.string().optional(),
  default_branch: z.string().min(1).optional(),
  credential: credential.nullable().optional(),
});

const tags = ["repositories"];

/** Repositories: make, list, read, change, delete. */
export function repositoryRoutes(app: RestApp, deps: RestDeps): void {
  createRoutes(app, deps);
  listRoutes(app, deps);
  oneRoutes(app, deps);
}

function createRoutes(app: RestApp, deps: RestDeps): void {
  const create = async (request: FastifyRequest & { readonly body: z.infer<typeof newRepository> }, owner: Account) => {
    const admin = callerOf(request).grant.kind === "admin";
    const repository = await deps.repositories.create(owner, wantedOf(request.body), admin, actorOf(request));
    return repositoryJson(repository, deps.publicUrl());
  };
  const summary = "Makes a repository; its mirror is fetched when it is needed";
  app.post(
    "/user/repos",
    { schema: { tags, summary, body: newRepository, response: { 201: repositoryShape } } },
    async (request, reply) => {
      const owner = await openAccount(deps, request, callerOf(request).accountName, "owner");
      return reply.code(201).send(await create(request, owner));
    },
  );
  app.post(
    "/orgs/:org/repos",
    { schema: { tags, summary, params: orgPath, body: newRepository, response: { 201: repositoryShape } } },
    async (request, reply) => {
      const owner = await openAccount(deps, request, request.params.org, "owner");
      return reply.code(201).send(await create(request, owner));
    },
  );
  app.post(
    "/admin/users/:username/repos",
    {
      schema: {
        ...{ tags, summary: `${summary}. The account is made where it is missing` },
        ...{ params: z.object({ username: z.string() }), body: newRepository, response: { 201: repositoryShape } },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      if (caller.grant.kind !== "admin")
        throw new AppError("forbidden", "only administrators make repositories for others");
      requirePermission(accountPermission(caller, 0, "owner"), "the server", "owner");
      const { username } = request.params;
      return reply.code(201).send(await create(request, await accountOnDemand(deps, request, username)));
    },
  );
}

async function accountOnDemand(deps: RestDeps, request: FastifyRequest, name: string): Promise<Account> {
  try {
    return await deps.accounts.get(name);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    return await deps.accounts.create(name, "user", actorOf(request));
  }
}

function wantedOf(body: z.infer<typeof newRepository>): NewRepository {
  const { name, clone_url: cloneUrl, default_branch: defaultBranch, credential: given } = body;
  return {
    name,
    cloneUrl,
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    ...(given === undefined ? {} : { credential: credentialOf(given) }),
  };
}

function credentialOf(given: z.infer<typeof credential>): NonNullable<NewRepository["credential"]> {
  const { username, password, private_key: privateKey, known_hosts: knownHosts } = given;
  if (privateKey !== undefined && password === undefined)
    return { kind: "ssh", privateKey, knownHosts: knownHosts ?? "" };
  // The user's name does not count where the password is a token, but basic authentication needs one.
  if (password !== undefined && privateKey === undefined)
    return { kind: "basic", username: username ?? "x-access-token", password };
  throw new AppError(
    "invalid",
    "the credential must have either password (and username), or private_key and known_hosts",
  );
}

function listRoutes(app: RestApp, deps: RestDeps): void {
  const list = async (request: FastifyRequest, page: z.infer<typeof pageQuery>) => {
    const found = await deps.repositories.list(visibleTo(callerOf(request)), page);
    return { items: found.items.map((one) => repositoryJson(one, deps.publicUrl())), total: found.total };
  };
  app.get(
    "/user/repos",
    {
      schema: {
        tags,
        summary: "Repositories that the token reaches",
        querystring: pageQuery,
        response: { 200: z.array(repositoryShape) },
      },
    },
    async (request, reply) => {
      const { items, total } = await list(request, request.query);
      setTotal(request, reply, deps.publicUrl(), request.query, total);
      return items;
    },
  );
  app.get(
    "/repos/search",
    {
      schema: {
        ...{ tags, summary: "Repositories that the token reaches" },
        querystring: pageQuery,
        response: { 200: z.object({ ok: z.boolean(), data: z.array(repositoryShape) }) },
      },
    },
    async (request, reply) => {
      const { items, total } = await list(request, request.query);
      setTotal(request, reply, deps.publicUrl(), request.query, total);
      return { ok: true, data: items };
    },
  );
  app.get(
    "/orgs/:org/repos",
    {
      schema: {
        tags,
        summary: "Repositories of an account",
        params: orgPath,
        querystring: pageQuery,
        response: { 200: z.array(repositoryShape) },
      },
    },
    async (request, reply) => {
      const owner = await openAccount(deps, request, request.params.org, "read");
      const found = await deps.repositories.list({ ownerIds: [owner.id] }, request.query);
      setTotal(request, reply, deps.publicUrl(), request.query, found.total);
      return found.items.map((one) => repositoryJson(one, deps.publicUrl()));
    },
  );
}

/** Which repositories a caller may know of. */
function visibleTo({ grant, roles }: Caller): { ownerIds?: readonly number[]; repositoryId?: number } {
  switch (grant.kind) {
    case "admin":
      return {};
    case "owner":
      return { ownerIds: roles.has(grant.ownerId) ? [grant.ownerId] : [] };
    case "repository":
      return { repositoryId: grant.repositoryId, ownerIds: roles.has(grant.ownerId) ? [grant.ownerId] : [] };
  }
}

function oneRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    "/repos/:owner/:repo",
    { schema: { tags, summary: "A repository", params: repoPath, response: { 200: repositoryShape } } },
    async (request) => repositoryJson(await openRepository(deps, request, request.params, "read"), deps.publicUrl()),
  );
  app.patch(
    "/repos/:owner/:repo",
    {
      schema: {
        tags,
        summary: "Changes a repository",
        params: repoPath,
        body: repositoryPatch,
        response: { 200: repositoryShape },
      },
    },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "owner");
      const { clone_url: cloneUrl, default_branch: defaultBranch, credential: given } = request.body;
      const patch = {
        ...(cloneUrl === undefined ? {} : { cloneUrl }),
        ...(defaultBranch === undefined ? {} : { defaultBranch }),
        ...(given === undefined ? {} : { credential: given === null ? null : credentialOf(given) }),
      };
      const admin = callerOf(request).grant.kind === "admin";
      return repositoryJson(
        await deps.repositories.update(repository, patch, admin, actorOf(request)),
        deps.publicUrl(),
      );
    },
  );
  app.delete(
    "/repos/:owner/:repo",
    {
      schema: {
        tags,
        summary: "Deletes a repository with its runs; what runs is cancelled",
        params: repoPath,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "owner");
      await deps.repositories.delete(repository, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}
