/** A user or an organisation; every repository and every token belongs to one. */
export interface Account {
  readonly id: number;
  /** Unique, compared without case; `[A-Za-z0-9][A-Za-z0-9._-]*`, at most 64 characters. */
  readonly name: string;
  readonly kind: "user" | "org";
  readonly createdAt: number;
}

/** What a member may do with an account's things. `owner` includes `write`, which includes `read`. */
export type Role = "owner" | "write" | "read";

/** A git repository whose workflows run here. */
export interface Repository {
  readonly id: number;
  readonly ownerId: number;
  readonly ownerName: string;
  /** Unique within the owner, compared without case. */
  readonly name: string;
  /** https, ssh or an absolute local path. Never holds a credential. */
  readonly cloneUrl: string;
  readonly defaultBranch: string;
  readonly createdAt: number;
}

/** A credential of the REST interface, without its secret. */
export interface ApiToken {
  readonly id: number;
  /** The account that acts. */
  readonly accountId: number;
  readonly name: string;
  /** `admin` may do everything; the others only what lies in their scope. */
  readonly grant:
    | { readonly kind: "admin" }
    | { readonly kind: "owner"; readonly ownerId: number }
    | { readonly kind: "repository"; readonly ownerId: number; readonly repositoryId: number };
  readonly access: "read" | "write";
  readonly expiresAt: number | null;
  readonly createdAt: number;
}
