import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { AppError } from "../../lib/errors.ts";

const VERSION = "v1";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals texts for storage with AES-256-GCM. The context (what the text is and to what it belongs) is authenticated
 * with it, so that a sealed text that was moved to another row does not open.
 */
export class SecretBox {
  readonly #key: KeyObject;

  /** @param key 32 bytes, `ServerKeys.seal` */
  constructor(key: Buffer) {
    this.#key = createSecretKey(key);
  }

  /** Seals a text: `v1.` and base64url of nonce, tag and ciphertext. */
  seal(plain: string, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
    return `${VERSION}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url")}`;
  }

  /** Opens a sealed text. @throws AppError internal when it was sealed with another key or for another context */
  open(sealed: string, context: string): string {
    try {
      const [version, text] = sealed.split(".", 2);
      if (version !== VERSION || text === undefined) throw new Error("unknown form");
      const bytes = Buffer.from(text, "base64url");
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const rest = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(rest), decipher.final()]).toString("utf8");
    } catch (error) {
      throw new AppError("internal", `the sealed text of ${context} cannot be opened with this server's key`, error);
    }
  }
}
