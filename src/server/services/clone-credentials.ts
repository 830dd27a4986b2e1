import type { GitCredential } from "../../drivers/git/git-credential.ts";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import type { SecretBox } from "./secret-box.ts";

/** Seals the credentials that the server clones with; only this server, and only for this repository, opens them. */
export class CloneCredentials {
  readonly #box: SecretBox;

  constructor(box: SecretBox) {
    this.#box = box;
  }

  /** The sealed text to be stored. */
  seal(credential: GitCredential, repository: Pick<Repository, "ownerId" | "name">): string {
    return this.#box.seal(JSON.stringify(credential), context(repository));
  }

  /** The credential. @throws AppError internal when it was sealed for another repository or with another key */
  open(sealed: string, repository: Pick<Repository, "ownerId" | "name">): GitCredential {
    const stored: unknown = JSON.parse(this.#box.open(sealed, context(repository)));
    if (!isCredential(stored)) throw new AppError("internal", `the stored credential of ${repository.name} is damaged`);
    return stored;
  }
}

function isCredential(value: unknown): value is GitCredential {
  return (
    typeof value === "object" && value !== null && "kind" in value && (value.kind === "basic" || value.kind === "ssh")
  );
}

function context(repository: Pick<Repository, "ownerId" | "name">): string {
  return `clone-credential:${repository.ownerId}:${repository.name.toLowerCase()}`;
}
