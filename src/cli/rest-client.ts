import { AppError, type ErrorCode, errorText } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Values of a query string; undefined ones are left out. */
type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What a request may carry. */
export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** What a redirection means; the token stays with its server. @default error */
  readonly redirect?: "error" | "follow";
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "exhausted",
  422: "invalid",
  429: "exhausted",
  502: "unavailable",
  503: "unavailable",
  504: "timeout",
};

/** Talks to `/api/v1` of a server. Failures are AppErrors whose sentence names the server and the remedy. */
export class RestClient {
  readonly connection: ServerConnection;

  /** @param connection the server and the token that is sent with every request */
  constructor(connection: ServerConnection) {
    this.connection = connection;
  }

  /** The JSON answer of a request; undefined for an empty answer. `path` starts behind `/api/v1`. */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.open(method, path, options);
    const text = await response.text();
    if (text === "") return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new AppError(
        "unavailable",
        `${this.connection.server} answered with something that is not JSON: check that it is the server's address`,
        error,
      );
    }
  }

  /** The answer of a request that succeeded, with its body unread. */
  async open(
    method: string,
    path: string,
    { query, body, headers, signal, redirect = "error" }: RequestOptions = {},
  ): Promise<Response> {
    const { server, token } = this.connection;
    const url = `${server}/api/v1${path}${queryString(query)}`;
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        redirect,
        headers: {
          ...headers,
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw signal?.aborted ? new AppError("cancelled", "interrupted", error) : unreachable(server, error);
    }
    if (!response.ok) throw await this.#refusal(response);
    return response;
  }

  /** All entries of a paged list, at most `limit` of them; `key` names the array in the answer, undefined where it is the answer. */
  async list<T>(
    path: string,
    key: string | undefined,
    { query, limit = 10_000, signal }: ListOptions = {},
  ): Promise<T[]> {
    const pageSize = Math.min(limit, 50);
    const entries: T[] = [];
    for (let page = 1; entries.length < limit; page += 1) {
      const answer = await this.request<unknown>("GET", path, { query: { ...query, page, limit: pageSize }, signal });
      const batch = (key === undefined ? answer : (answer as Record<string, unknown>)[key]) as T[] | undefined;
      entries.push(...(batch ?? []));
      if (batch === undefined || batch.length < pageSize) break;
    }
    return entries.slice(0, limit);
  }

  async #refusal(response: Response): Promise<AppError> {
    const { server, source } = this.connection;
    const code = CODES[response.status] ?? (response.status >= 500 ? "internal" : "invalid");
    const { message, details } = refusalOf(await response.text().catch(() => ""));
    if (code === "unauthenticated") {
      return new AppError(
        code,
        `${server} refused the API token of ${source}: run "act-runner-ts login" or set ACT_RUNNER_API_TOKEN`,
      );
    }
    const sentence = message ?? `${server} answered ${response.status} ${response.statusText}`;
    return new AppError(code, sentence, undefined, details);
  }
}

/** What `list` takes. */
export interface ListOptions {
  readonly query?: Query;
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
}

function queryString(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const texts = pairs.map(([key, value]): [string, string] => [key, String(value)]);
  return texts.length === 0 ? "" : `?${new URLSearchParams(texts)}`;
}

/** The `message` of Gitea's error object and our `details`, as far as they are there. */
function refusalOf(text: string): { readonly message?: string; readonly details?: JsonValue } {
  try {
    const { message, details } = JSON.parse(text) as { message?: unknown; details?: JsonValue };
    return {
      ...(typeof message === "string" && message !== "" ? { message } : {}),
      ...(details === undefined ? {} : { details }),
    };
  } catch {
    return {};
  }
}

function unreachable(server: string, error: unknown): AppError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { code?: unknown }).code;
  if (code === "ECONNREFUSED" || code === "ECONNRESET" || code === "UND_ERR_SOCKET") {
    return new AppError(
      "unavailable",
      `no server answers at ${server}: start it with "act-runner-ts server" or "act-runner-ts up", or set ACT_RUNNER_SERVER`,
      error,
    );
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new AppError(
      "unavailable",
      `the name of ${server} is unknown: check ACT_RUNNER_SERVER and the name service`,
      error,
    );
  }
  return new AppError(
    "unavailable",
    `${server} cannot be reached (${errorText(cause)}): check the address, the network and its certificate`,
    error,
  );
}
