import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { Git } from "../../../../src/drivers/git/git.ts";

/** PATH of the test. */
export const path = process.env["PATH"] ?? "/usr/bin:/bin";

const env = {
  PATH: path,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada Löve",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_AUTHOR_DATE: "2026-01-02T03:04:05Z",
  GIT_COMMITTER_NAME: "Bob",
  GIT_COMMITTER_EMAIL: "bob@example.org",
  GIT_COMMITTER_DATE: "2026-02-03T04:05:06Z",
  GIT_ALLOW_PROTOCOL: "file:http",
};

/** Plain git, as a user runs it. */
export async function userGit(dir: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)("git", ["-C", dir, ...args], { env })).stdout.trim();
}

/** A temporary folder with a work tree `origin`. */
export class GitFixture implements AsyncDisposable {
  readonly folder: string;
  readonly git = new Git({ path });

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<GitFixture> {
    const fixture = new GitFixture(await mkdtemp(join(tmpdir(), "act-runner-git-")));
    await fixture.repository("origin");
    return fixture;
  }

  /** The path of the work tree `origin`. */
  get origin(): string {
    return join(this.folder, "origin");
  }

  async repository(name: string): Promise<string> {
    const dir = join(this.folder, name);
    await mkdir(dir);
    await userGit(dir, "init", "--quiet", "--initial-branch=trunk");
    return dir;
  }

  /** Commits files to a work tree and returns the commit. */
  async commit(message: string, files: Record<string, string>, dir = this.origin): Promise<string> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), content);
    }
    await userGit(dir, "add", "--all");
    await userGit(dir, "commit", "--quiet", "--allow-empty", "-m", message);
    return await userGit(dir, "rev-parse", "HEAD");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Serves the repositories of a folder by smart HTTP with `Git.uploadPack`, as the server does; wants basic authentication. */
export async function smartHttp(
  git: Git,
  folder: string,
  password: string,
  tls?: { readonly key: string; readonly cert: string },
): Promise<AsyncDisposable & { url: string }> {
  const wanted = `Basic ${Buffer.from(`x-access-token:${password}`).toString("base64")}`;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.authorization !== wanted) response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
    else serve(git, folder, request, response).catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http${tls === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(git: Git, folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name = "", rest] = /^\/([^/]+)\/(.+)$/.exec(request.url ?? "") ?? [];
  const advertise = rest === "info/refs?service=git-upload-pack";
  const protocol = request.headers["git-protocol"] as string | undefined;
  const signal = new AbortController().signal;
  const workTree = join(folder, name, ".git");
  const dir = existsSync(workTree) ? workTree : join(folder, name);
  await using pack = git.uploadPack(dir, { advertise, protocol, signal });
  const kind = advertise ? "advertisement" : "result";
  response.setHeader("Content-Type", `application/x-git-upload-pack-${kind}`);
  if (advertise) response.write("001e# service=git-upload-pack\n0000");
  const input = request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request;
  await Promise.all([pipeline(input, pack.input), pipeline(pack.output, response), pack.done]);
}
