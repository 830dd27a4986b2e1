import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError, type ErrorCode } from "../lib/errors.ts";
import type { ByteRange } from "./uploads.ts";

/** A request of either version of HTTP; fastify and node:http both have them. */
export interface RawExchange {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse | Http2ServerResponse;
  /** Outside address of these services as the caller reached them, without a slash at its end. */
  readonly base: string;
}

/** Larger bodies that are no files are refused. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

/** The one table from our codes to HTTP's; 429 and 5xx are tried again by stock clients, the others are not. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  exhausted: 413,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  internal: 500,
};

/** One request and its answer, in the words of these services. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly base: string;
  /** When the request came. */
  readonly now: number;
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
  readonly #raw: RawExchange;

  constructor(raw: RawExchange, now: number) {
    const url = new URL(raw.request.url ?? "/", "http://services");
    this.#raw = raw;
    this.method = raw.request.method ?? "GET";
    this.path = url.pathname;
    this.query = url.searchParams;
    this.base = raw.base;
    this.now = now;
    const gone = new AbortController();
    raw.response.once("close", () => gone.abort(new AppError("cancelled", "the caller is gone")));
    this.signal = gone.signal;
  }

  /** The first value of a header. */
  header(name: string): string | undefined {
    const value = this.#raw.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The token of `Authorization: Bearer`. @throws AppError unauthenticated */
  token(): string {
    const found = /^bearer +(\S+)$/i.exec(this.header("authorization") ?? "")?.[1];
    if (found === undefined) throw new AppError("unauthenticated", "a runtime token is needed (Authorization: Bearer)");
    return found;
  }

  /** The body as it comes. Who stops reading it can still be answered. */
  body(): AsyncIterable<Uint8Array> {
    return this.#raw.request.iterator({ destroyOnReturn: false });
  }

  /** A short body. @throws AppError exhausted */
  async text(maxBytes: number = MAX_TEXT_BYTES): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.body()) {
      size += chunk.length;
      if (size > maxBytes) throw new AppError("exhausted", `the body is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  /** A JSON object; nothing is an empty one. @throws AppError invalid */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const text = await this.text();
    try {
      const value: unknown = text === "" ? {} : JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch {
      // said below
    }
    throw new AppError("invalid", "the body is not a JSON object");
  }

  /** Answers without a body. */
  send(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#head(status, { ...headers, ...(status === 204 ? {} : { "content-length": "0" }) });
    this.#raw.response.end();
  }

  /** Answers with JSON. */
  sendJson(status: number, value: unknown): void {
    const body = Buffer.from(JSON.stringify(value));
    this.#head(status, { "content-type": "application/json", "content-length": String(body.length) });
    this.#raw.response.end(body);
  }

  /** Refuses; what is left of the body is not read. */
  refuse(error: AppError, body: (error: AppError) => unknown): void {
    if (this.#raw.response.headersSent) {
      this.#raw.response.destroy();
      return;
    }
    if (this.#raw.request.httpVersionMajor < 2) this.#raw.response.setHeader("connection", "close");
    this.sendJson(STATUS[error.code], body(error));
    this.#raw.request.resume();
  }

  /** Answers with a file, or the part of it that a Range header asks for. */
  async sendFile(
    size: number,
    headers: Readonly<Record<string, string>>,
    read: (range: ByteRange) => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const range = parseRange(this.header("x-ms-range") ?? this.header("range"), size);
    if (range === "wrong") return this.send(416, { "content-range": `bytes */${size}` });
    const { start, end } = range ?? { start: 0, end: size };
    this.#head(range === undefined ? 200 : 206, {
      "accept-ranges": "bytes",
      ...headers,
      "content-length": String(end - start),
      ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` }),
    });
    if (this.method === "HEAD" || end === start) {
      this.#raw.response.end();
      return;
    }
    const source = Readable.from(read({ start, end }), { objectMode: false, highWaterMark: 1024 * 1024 });
    await pipeline(source, this.#raw.response as NodeJS.WritableStream, { signal: this.signal });
  }

  #head(status: number, headers: Readonly<Record<string, string>>): void {
    const { response } = this.#raw;
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  }
}

/** `bytes=a-b`, `bytes=a-` and `bytes=-n`; other units and several ranges are answered with the whole file. */
function parseRange(header: string | undefined, size: number): ByteRange | "wrong" | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (found === null || (found[1] === "" && found[2] === "")) return undefined;
  const [from, to] = [found[1] as string, found[2] as string];
  const start = from === "" ? Math.max(size - Number(to), 0) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(Number(to) + 1, size);
  return start < end ? { start, end } : "wrong";
}
