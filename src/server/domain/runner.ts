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
  /** Soft deletion; a deleted runner is unknown to every call but the reports that `reportsUntil` still allows. */
  readonly deletedAt: number | null;
  /** Until when (epoch ms) a deleted runner may finish its reports; null: it may not. */
  readonly reportsUntil: number | null;
  /** When the token that counts was made, epoch ms. */
  readonly tokenMadeAt: number;
  /** There is a new token beside the old one, which works until then at the latest, epoch ms; null: there is none. */
  readonly oldTokenUntil: number | null;
  /** The one job that it may do, or null for any. */
  readonly boundJobId: number | null;
  /** It is deleted when it has made no call by then, epoch ms; null: it is not. */
  readonly unusedUntil: number | null;
}

/** The two tokens of a runner whose token is being rotated are told apart by these. */
export interface RunnerVerifiers {
  readonly verifier: TokenVerifier;
  /** Of the new token; null while there is none. */
  readonly next: TokenVerifier | null;
}

/** How a stored token is verified; see docs/adr on tokens. */
export interface TokenVerifier {
  /** argon2id in PHC form. */
  readonly hash: string;
  /** Hex HMAC-SHA256 of the token under the server key; unique. Empty when it has to be made anew. */
  readonly mac: string;
}
