import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AppError, errorText, toAppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { repositoryPermission, requirePermission } from "../services/access.ts";
import { identifyCaller } from "./authenticate.ts";
import { replySignal } from "./reply-signal.ts";
import type { RestDeps } from "./rest-deps.ts";
import { HTTP_STATUS } from "./rest-error.ts";

const SERVICE = "git-upload-pack";
/** Answers to a fetch of a huge repository list what the client has; more is no fetch. */
const LARGEST_REQUEST = 64 * 1024 * 1024;
const NO_CACHE = {
  "cache-control": "no-cache, max-age=0, must-revalidate",
  expires: "Fri, 01 Jan 1980 00:00:00 GMT",
  pragma: "no-cache",
};

interface GitPath {
  readonly Params: { readonly owner: string; readonly repo: string };
  readonly Querystring: { readonly service?: string };
}

/**
 * The mirrors by git's smart HTTP protocol, read-only: `/{owner}/{repo}[.git]/info/refs?service=git-upload-pack` and
 * `/{owner}/{repo}[.git]/git-upload-pack`. Allowed with the token of a running task of that repository (basic
 * authentication with any user name, or Bearer), or with an API token that may read it.
 */
export function gitRoutes(app: FastifyInstance, deps: RestDeps): void {
  app.removeAllContentTypeParsers();
  // The body goes to git as it comes.
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setErrorHandler((thrown, _request, reply) => sendText(reply, toAppError(thrown)));
  app.get<GitPath>("/:owner/:repo/info/refs", async (request, reply) => {
    const { service } = request.query;
    if (service === undefined)
      throw new AppError("forbidden", "the dumb protocol is not served; use a git client of this century");
    if (service !== SERVICE) throw readOnly();
    const repository = await authorized(deps, request);
    const signal = replySignal(reply);
    await deps.serveGit.prepare(repository, signal);
    return await advertise(deps, repository, request, reply, signal);
  });
  app.post<GitPath>("/:owner/:repo/git-upload-pack", async (request, reply) => {
    const repository = await authorized(deps, request);
    return await fetchPack(deps, repository, request, reply, replySignal(reply));
  });
  app.post<GitPath>("/:owner/:repo/git-receive-pack", async () => {
    throw readOnly();
  });
}

function readOnly(): AppError {
  return new AppError("forbidden", "this server's copy is read-only; push to the repository's origin");
}

async function advertise(
  deps: RestDeps,
  repository: Repository,
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
) {
  const protocol = protocolOf(request);
  await using pack = deps.serveGit.uploadPack(repository, { advertise: true, protocol, signal });
  pack.input.end();
  // Headers go out only once git is known to answer, so that its failure is still a status.
  const parts: Buffer[] = [];
  for await (const part of pack.output) parts.push(part as Buffer);
  await pack.done;
  // Version 2 has no service line (gitprotocol-http).
  const line = protocol?.includes("version=2") === true ? "" : "001e# service=git-upload-pack\n0000";
  return reply
    .headers(NO_CACHE)
    .type(`application/x-${SERVICE}-advertisement`)
    .send(Buffer.concat([Buffer.from(line), ...parts]));
}

async function fetchPack(
  deps: RestDeps,
  repository: Repository,
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
) {
  await using pack = deps.serveGit.uploadPack(repository, { advertise: false, protocol: protocolOf(request), signal });
  reply.hijack();
  reply.raw.writeHead(200, { ...NO_CACHE, "content-type": `application/x-${SERVICE}-result` });
  try {
    await Promise.all([sendBody(request, pack.input, signal), pipeline(pack.output, reply.raw, { signal })]);
    await pack.done;
  } catch (error) {
    if (!signal.aborted) deps.log.warn({ repository: repository.id, error: errorText(error) }, "a git fetch failed");
    reply.raw.destroy();
  }
}

async function sendBody(request: FastifyRequest, input: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  let seen = 0;
  const limited = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > LARGEST_REQUEST) throw new AppError("exhausted", "the git request is too large");
      yield chunk;
    }
  };
  if (encoding === "gzip" || encoding === "x-gzip")
    await pipeline(request.raw, createGunzip(), limited, input, { signal });
  else await pipeline(request.raw, limited, input, { signal });
}

/** The Git-Protocol header, if it is one that git would understand. */
function protocolOf(request: FastifyRequest): string | undefined {
  const header = request.headers["git-protocol"];
  return typeof header === "string" && /^[a-z0-9=:.-]{1,64}$/i.test(header) ? header : undefined;
}

/** The repository, if the caller may read it. What he may not know of does not exist for him. */
async function authorized(deps: RestDeps, request: FastifyRequest<GitPath>): Promise<Repository> {
  const owner = request.params.owner;
  const name = request.params.repo.replace(/\.git$/i, "");
  const token = gitToken(request.headers.authorization);
  if (token === undefined) throw new AppError("unauthenticated", "a token is needed as password (or Bearer)");
  if (await deps.serveGit.isTaskTokenFor(token, owner, name)) return await deps.serveGit.repository(owner, name);
  const caller = await identifyCaller(deps, token, request.ip);
  const found = await deps.repositories.find(owner, name);
  requirePermission(
    found === undefined ? "hidden" : repositoryPermission(caller, found, "read"),
    `repository ${owner}/${name}`,
    "read",
  );
  return await deps.serveGit.repository(owner, name);
}

/** The token of an Authorization header: Basic (the password, or the user name where there is none), Bearer or token. */
function gitToken(header: string | undefined): string | undefined {
  const [scheme = "", value = ""] = (header ?? "").trim().split(/ +/, 2);
  if (/^(bearer|token)$/i.test(scheme)) return value === "" ? undefined : value;
  if (!/^basic$/i.test(scheme)) return undefined;
  const decoded = Buffer.from(value, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const password = decoded.slice(colon + 1);
  const token =
    colon === -1 || password === "" || password === "x-oauth-basic" ? decoded.slice(0, Math.max(0, colon)) : password;
  return token === "" ? undefined : token;
}

function sendText(reply: FastifyReply, error: AppError): void {
  if (error.code === "unauthenticated") reply.header("www-authenticate", 'Basic realm="act-runner-ts"');
  reply.code(HTTP_STATUS[error.code]).headers(NO_CACHE).type("text/plain; charset=utf-8").send(`${error.message}\n`);
}
