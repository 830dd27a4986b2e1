import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { Mutex } from "../lib/mutex.ts";
import type { Credentials } from "./identify-calls.ts";

/** What keeping a runner's token needs. */
export interface TokenKeeperOptions {
  /** Puts a token on disk in the place of the one that is there; rejects when it cannot. */
  readonly save: (token: string) => Promise<void>;
  /** What calls are made with; changed when the new token is on disk. */
  readonly credentials: Credentials;
  /** Told when a new token is in use: any call with it confirms it. */
  readonly onStored: () => void;
  readonly logger: Logger;
}

/**
 * Takes a new token from the server: first the runner file, then the calls. The first call with it confirms it, and the
 * old one dies. Whatever happens in between, the token in the file is one that the server takes.
 */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  readonly #mutex = new Mutex();
  #failed = false;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** Stores a token and uses it from then on. Never rejects: one that cannot be stored is told again by the server. */
  take(token: string): Promise<void> {
    return this.#mutex.run(() => this.#take(token));
  }

  async #take(token: string): Promise<void> {
    const { save, credentials, onStored, logger } = this.#options;
    if (token === "" || token === credentials.token) return;
    try {
      await save(token);
    } catch (error) {
      if (!this.#failed) {
        logger.error({ error: errorText(error) }, "the runner's new token cannot be stored; the old one stays");
      }
      this.#failed = true;
      return;
    }
    this.#failed = false;
    credentials.token = token;
    logger.info({}, "the runner has a new token");
    onStored();
  }
}
