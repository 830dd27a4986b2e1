import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { jwtVerify } from "jose";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";

/** What a runtime token is bound to. */
export interface RuntimeClaims {
  readonly taskId: number;
  readonly runId: number;
  readonly jobId: number;
}

/** Longer than any job may run; the task's end is what really ends the token. */
const LIFETIME_S = 6 * 24 * 3600;
const HEADER = part({ alg: "HS256", typ: "JWT" });

/**
 * Makes and checks `ACTIONS_RUNTIME_TOKEN`: a JWT, HS256, with the claims of Gitea (`Scp`, `TaskID`, `RunID`, `JobID`)
 * and `scp` as GitHub's artifact client reads it.
 */
export class RuntimeTokens {
  /** A key object: with bytes each use would make one, which costs six times the HMAC itself. */
  readonly #key: KeyObject;
  readonly #clock: Clock;

  /** @param key `ServerKeys.jwt` */
  constructor(key: Buffer, clock: Clock) {
    this.#key = createSecretKey(key);
    this.#clock = clock;
  }

  /** Makes the token of a task; at once, since jose's way through a thread would hold up the claim of the job. */
  sign({ taskId, runId, jobId }: RuntimeClaims): string {
    const now = Math.floor(this.#clock.now() / 1000);
    const scope = `Actions.Results:${runId}:${jobId}`;
    const payload = part({
      ...{ Scp: scope, scp: scope, TaskID: taskId, RunID: runId, JobID: jobId },
      ac: JSON.stringify([{ Scope: "", Permission: 3 }]),
      ...{ nbf: now - 60, iat: now, exp: now + LIFETIME_S },
    });
    const signature = createHmac("sha256", this.#key).update(`${HEADER}.${payload}`).digest("base64url");
    return `${HEADER}.${payload}.${signature}`;
  }

  /** What a token is bound to. @throws AppError unauthenticated when it is not one of ours or has expired */
  async verify(jwt: string): Promise<RuntimeClaims> {
    try {
      const { payload } = await jwtVerify(jwt, this.#key, {
        algorithms: ["HS256"],
        currentDate: new Date(this.#clock.now()),
      });
      const [taskId, runId, jobId] = [payload["TaskID"], payload["RunID"], payload["JobID"]];
      if (typeof taskId !== "number" || typeof runId !== "number" || typeof jobId !== "number") {
        throw new Error("a claim is missing");
      }
      return { taskId, runId, jobId };
    } catch (error) {
      throw new AppError("unauthenticated", "the runtime token is not valid", error);
    }
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
