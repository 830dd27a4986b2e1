import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { Mutex } from "../lib/mutex.ts";
import type { Credentials } from "./client.ts";
import { loadRunnerFile, saveRunnerFile } from "./runner-file.ts";

/** What keeping a runner's token needs. */
export interface TokenKeeperOptions {
  /** The runner file. */
  readonly path: string;
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
    const { path, credentials, onStored, logger } = this.#options;
    if (token === "" || token === credentials.token) return;
    try {
      const file = await loadRunnerFile(path);
      if (file === undefined || file.uuid !== credentials.uuid) {
        throw new Error(`${path} is not this runner's registration any more`);
      }
      await saveRunnerFile(path, { ...file, token });
    } catch (error) {
      if (!this.#failed) {
        logger.error(
          { file: path, error: errorText(error) },
          "the runner's new token cannot be stored; the old one stays",
        );
      }
      this.#failed = true;
      return;
    }
    this.#failed = false;
    credentials.token = token;
    logger.info({ file: path }, "the runner has a new token");
    onStored();
  }
}
