import type { RunnerSystem } from "./runner-system.ts";
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
  /** The label names that count, without schema and argument: the overlay where there is one, else the declared ones. */
  readonly labels: readonly string[];
  /** Label names, verbatim as the runner declared them last. */
  readonly declaredLabels: readonly string[];
  /** Label names that somebody set on the server; they survive every Declare. Null: none were set. */
  readonly labelOverlay: readonly string[] | null;
  /** Words the runner declared, such as `cancelling`. */
  readonly capabilities: readonly string[];
  /** Takes one task and is deleted after it. */
  readonly ephemeral: boolean;
  /** An operator stopped it from taking new tasks. */
  readonly disabled: boolean;
  /** Of several runners that could take a job the one with the higher priority does; 0 unless it was set. */
  readonly priority: number;
  /** Its machine, or null while it has not reported it. */
  readonly system: RunnerSystem | null;
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
