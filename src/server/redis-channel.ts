import type { RedisClientType } from "@redis/client";
import type { Clock } from "../lib/clock.ts";
import { AppError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import type { ChangeChannel } from "./services/replica-bus.ts";

const FORM = "redis://user:password@host:6379 (rediss:// for TLS)";
const CONNECT_MS = 3_000;
const PING_EVERY_MS = 10_000;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Carries texts by Redis pub/sub: at once, and lost while Redis is away. The change table goes on beside it, so that
 * nothing depends on Redis.
 */
export class RedisChannel implements ChangeChannel, AsyncDisposable {
  readonly #publisher: RedisClientType;
  readonly #subscriber: RedisClientType;
  readonly #topic: string;
  readonly #log: Logger;
  #listener: (text: string) => void = () => undefined;
  #away: boolean | undefined;
  #closed = false;

  private constructor(publisher: RedisClientType, topic: string, log: Logger) {
    this.#publisher = publisher;
    this.#subscriber = publisher.duplicate();
    this.#topic = topic;
    this.#log = log;
    for (const client of [this.#publisher, this.#subscriber]) {
      client.on("error", (error: unknown) => this.#note(true, error));
      client.on("ready", () => this.#note(!this.isReady));
    }
  }

  /**
   * Connects; where Redis does not answer now, it is tried on in the background.
   * @param topic name of the pub/sub channel; the replicas on one database share it
   * @throws AppError invalid when the URL cannot be read or Redis refuses the credentials
   */
  static async open(deps: {
    readonly url: string;
    readonly topic: string;
    readonly clock: Clock;
    readonly log: Logger;
  }): Promise<RedisChannel> {
    const { url, topic, clock, log } = deps;
    checkBusUrl(url);
    // Loaded when it is needed: most servers are alone.
    const { createClient } = await import("@redis/client");
    let starting = true;
    const reconnectStrategy = (retries: number, cause: Error) =>
      starting && isRefusal(cause) ? cause : Math.min(50 * 2 ** retries, LONGEST_PAUSE_MS);
    const publisher = createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: PING_EVERY_MS,
      socket: { connectTimeout: CONNECT_MS, reconnectStrategy },
    });
    const channel = new RedisChannel(publisher as RedisClientType, topic, log);
    const connected = channel.#connect();
    const late = new AbortController();
    try {
      await Promise.race([connected, clock.sleep(CONNECT_MS, { signal: late.signal })]);
    } catch (error) {
      await channel[Symbol.asyncDispose]();
      if (!isRefusal(error)) throw error;
      throw new AppError("invalid", "Redis refuses the user or the password of the bus URL; check them", error);
    } finally {
      late.abort();
      starting = false;
    }
    connected.catch((error: unknown) => channel.#note(true, error));
    return channel;
  }

  /** Whether texts cross now. */
  get isReady(): boolean {
    return this.#publisher.isReady && this.#subscriber.isReady;
  }

  send(text: string): void {
    if (!this.#publisher.isReady) return;
    this.#publisher.publish(this.#topic, text).catch((error: unknown) => this.#note(true, error));
  }

  listen(listener: (text: string) => void): void {
    this.#listener = listener;
  }

  /** Ends when what was sent has arrived, or at once where Redis is away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const client of [this.#subscriber, this.#publisher]) {
      if (client.isReady) await client.close().catch(() => undefined);
      else if (client.isOpen) client.destroy();
    }
  }

  async #connect(): Promise<void> {
    await Promise.all([this.#publisher.connect(), this.#subscriber.connect()]);
    await this.#subscriber.subscribe(this.#topic, (text) => this.#listener(text));
  }

  /** An outage is logged once at each end. */
  #note(away: boolean, error?: unknown): void {
    if (this.#closed || away === this.#away) return;
    if (away) this.#log.warn({ error: errorText(error) }, "Redis is away; changes cross by the database alone");
    else if (this.#away === true) this.#log.info({}, "Redis is back");
    this.#away = away;
  }
}

/** @throws AppError invalid; the message never holds the URL, because of the password in it */
export function checkBusUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
    throw new AppError("invalid", `the URL of the bus cannot be read; its form is ${FORM}`);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(WRONGPASS|NOAUTH|NOPERM|ERR .*AUTH)/.test(error.message);
}
