import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, type ServerParts, startServer } from "../../src/server/server.ts";
import type { ServerOptions } from "../../src/server/server-options.ts";

/** An answer of the REST interface. */
interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Talks to `/api/v1` of a server with one token. */
export interface TestClient {
  /** The token it sends. */
  readonly token: string;
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RestAnswer>;
  get(path: string): Promise<RestAnswer>;
  post(path: string, body?: unknown): Promise<RestAnswer>;
  put(path: string, body?: unknown): Promise<RestAnswer>;
  patch(path: string, body?: unknown): Promise<RestAnswer>;
  delete(path: string): Promise<RestAnswer>;
}

/** A real server on a free port with a data directory of its own. Disposing closes it and removes the directory. */
export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly url: string;
  readonly dataDir: string;
  readonly adminToken: string;
  /** Speaks as the administrator. */
  readonly admin: TestClient;
  /** Speaks with another token; without one it sends none. */
  client(token?: string): TestClient;
}

/** Token of the administrator of every test server. */
const TEST_ADMIN_TOKEN = "admin-token-of-the-tests-0123456789abcdef";

/** Starts a server; a database URL makes it one on MySQL or MariaDB. */
export async function testServer(options: ServerOptions = {}, parts: ServerParts = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "test-server-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const given = { listen: "127.0.0.1:0", dataDir, adminToken: TEST_ADMIN_TOKEN, allowPrivateAddresses: true };
  const server = cleanup.use(await startServer({ ...given, ...options }, parts));
  const owned = cleanup.move();
  const client = (token = "") => restClient(server.url, token);
  return {
    server,
    url: server.url,
    dataDir,
    adminToken: TEST_ADMIN_TOKEN,
    admin: client(TEST_ADMIN_TOKEN),
    client,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function restClient(url: string, token: string): TestClient {
  const request: TestClient["request"] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  };
  return {
    token,
    request,
    get: (path) => request("GET", path),
    post: (path, body) => request("POST", path, body),
    put: (path, body) => request("PUT", path, body),
    patch: (path, body) => request("PATCH", path, body),
    delete: (path) => request("DELETE", path),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
