import type { Scope } from "./scope.ts";

/** A registered runner. */
export interface Runner {
  readonly id: number;
  /** Identity on the wire. */
  readonly uuid: string;
  readonly name: string;
  readonly description: string;
  /** Version of the runner program as it declared itself. */
  readonly version: string;
  readonly scope: Scope;
  /** Label names, verbatim as declared, without schema and argument. */
  readonly labels: readonly string[];
  /** Words the runner declared, such as `cancelling`. */
  readonly capabilities: readonly string[];
  /** Takes one task and is deleted after it. */
  readonly ephemeral: boolean;
  /** An operator stopped it from taking new tasks. */
  readonly disabled: boolean;
  /** The reason why the runner says it cannot work, or null. */
  readonly health: string | null;
  /** Last authenticated call, epoch ms, or null before the first. */
  readonly lastOnline: number | null;
  /** Last report on a task, epoch ms, or null before the first. */
  readonly lastActive: number | null;
  readonly createdAt: number;
  /** Soft deletion; a deleted runner is unknown to every call. */
  readonly deletedAt: number | null;
}

/** How a stored token is verified; see docs/adr on tokens. */
export interface TokenVerifier {
  /** argon2id in PHC form. */
  readonly hash: string;
  /** Hex HMAC-SHA256 of the token under the server key; unique. Empty when it has to be made anew. */
  readonly mac: string;
}
