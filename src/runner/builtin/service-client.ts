import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { buffer } from "node:stream/consumers";
import { backOffMs } from "../../lib/back-off.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";

/** A call. */
export interface ServiceCall {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What was answered; never a passing fault. */
export interface ServiceAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** A file that is coming in. */
export interface Download {
  readonly contentType: string;
  /** Name of the file where the server says it. */
  readonly fileName: string | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What calls are made with. */
export interface ServiceClientOptions {
  /** Take any TLS certificate. */
  readonly insecure: boolean;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly signal: AbortSignal;
}

/** As often as GitHub's own clients. */
const TRIES = 5;
const BACK_OFF = { baseMs: 1000, maxMs: 20_000 };
/** A connection on which nothing comes for so long is given up. */
const SILENCE_MS = 60_000;
const MAX_REDIRECTS = 5;

/** Calls the services of a job; passing faults (network, 429, 5xx) are tried again. */
export class ServiceClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
  }

  /** Makes a call. @throws AppError unavailable when it fails again and again; cancelled */
  async send(call: ServiceCall): Promise<ServiceAnswer> {
    return await this.#retry(call.url, async () => {
      const answer = await this.#request(call);
      return { status: answer.statusCode ?? 0, body: await buffer(answer) };
    });
  }

  /** Reads a JSON answer. @throws AppError with what the server says where it refuses */
  async json(call: ServiceCall): Promise<Readonly<Record<string, unknown>>> {
    const { status, body } = await this.send(call);
    const parsed = parse(body);
    if (status >= 200 && status < 300) return parsed;
    const said = parsed["msg"] ?? parsed["message"] ?? `HTTP ${status}`;
    throw new AppError(status === 409 ? "conflict" : status === 404 ? "not_found" : "unavailable", String(said));
  }

  /** Gets a file, also over redirects; where the connection breaks it goes on behind the last byte. @throws AppError */
  async download(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Download> {
    let target = { url, headers };
    for (let redirects = 0; ; redirects += 1) {
      const { url: address } = target;
      const answer = await this.#retry(address, () => this.#request({ method: "GET", ...target }));
      const { location } = answer.headers;
      if (answer.statusCode === 200) {
        return {
          contentType: answer.headers["content-type"] ?? "",
          fileName: fileNameOf(answer.headers["content-disposition"]),
          content: this.#bytes(answer, target),
        };
      }
      answer.resume();
      if (location === undefined || redirects === MAX_REDIRECTS) {
        throw new AppError("unavailable", `the file could not be read: ${hostOf(url)} answered ${answer.statusCode}`);
      }
      // the address says by itself who may read; a token is for its own host alone
      const next = new URL(location, address);
      target = { url: next.href, headers: next.host === new URL(address).host ? target.headers : {} };
    }
  }

  async *#bytes(first: IncomingMessage, { url, headers }: Pick<ServiceCall, "url"> & { headers: object }) {
    const total = Number(first.headers["content-length"] ?? Number.NaN);
    let done = 0;
    let answer = first;
    for (let failures = 0; ; ) {
      try {
        for await (const chunk of answer) {
          done += (chunk as Buffer).length;
          failures = 0;
          yield chunk as Buffer;
        }
        if (Number.isNaN(total) || done >= total) return;
        throw new Error("the connection was closed too early");
      } catch (error) {
        failures += 1;
        await this.#pauseOrThrow(failures, url, error);
      }
      answer = await this.#retry(url, () =>
        this.#request({ method: "GET", url, headers: { ...headers, range: `bytes=${done}-` } }),
      );
      if (answer.statusCode !== 206) throw new AppError("unavailable", `${hostOf(url)} cannot go on with a file`);
    }
  }

  async #retry<T>(url: string, work: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await work();
      } catch (error) {
        await this.#pauseOrThrow(failures, url, error);
      }
    }
  }

  async #pauseOrThrow(failures: number, url: string, error: unknown): Promise<void> {
    const { clock, ids, signal } = this.#options;
    if (signal.aborted) throw new AppError("cancelled", "the action was stopped");
    if (failures >= TRIES) {
      throw new AppError("unavailable", `${hostOf(url)} could not be reached: ${errorText(error)}`, error);
    }
    await clock.sleep(backOffMs(failures, BACK_OFF, ids), { signal }).catch(() => {
      throw new AppError("cancelled", "the action was stopped");
    });
  }

  /** Settles with the head of an answer; rejects for passing faults. */
  async #request({ method, url, headers = {}, body }: ServiceCall): Promise<IncomingMessage> {
    const { signal, insecure } = this.#options;
    const length: Record<string, string> = body === undefined ? {} : { "content-length": `${Buffer.byteLength(body)}` };
    const options: RequestOptions = { method, headers: { ...headers, ...length }, signal, timeout: SILENCE_MS };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = url.startsWith("https:")
        ? httpsRequest(url, { ...options, rejectUnauthorized: !insecure }, resolve)
        : httpRequest(url, options, resolve);
      sent.on("error", reject);
      sent.on("timeout", () => sent.destroy(new Error("it stays silent")));
      sent.end(body);
    });
    const status = answer.statusCode ?? 0;
    if (status !== 429 && status < 500) return answer;
    const said = (await buffer(answer)).toString("utf8").slice(0, 200);
    throw new Error(`it answered ${status} ${said}`.trim());
  }
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // nothing that we could read
  }
  return {};
}

/** An address is not shown: it may hold a permission. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "the address of the service";
}

function fileNameOf(disposition: string | undefined): string | undefined {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  const name = encoded === undefined ? /filename="([^"]+)"/i.exec(disposition ?? "")?.[1] : decodeURIComponent(encoded);
  return name?.split(/[/\\]/).at(-1) || undefined;
}
