import { jwtVerify, SignJWT } from "jose";
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

/**
 * Makes and checks `ACTIONS_RUNTIME_TOKEN`: a JWT, HS256, with the claims of Gitea (`Scp`, `TaskID`, `RunID`, `JobID`)
 * and `scp` as GitHub's artifact client reads it.
 */
export class RuntimeTokens {
  readonly #key: Buffer;
  readonly #clock: Clock;

  /** @param key `ServerKeys.jwt` */
  constructor(key: Buffer, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  /** Makes the token of a task. */
  async sign({ taskId, runId, jobId }: RuntimeClaims): Promise<string> {
    const now = Math.floor(this.#clock.now() / 1000);
    const scope = `Actions.Results:${runId}:${jobId}`;
    const caches = JSON.stringify([{ Scope: "", Permission: 3 }]);
    return await new SignJWT({ Scp: scope, scp: scope, TaskID: taskId, RunID: runId, JobID: jobId, ac: caches })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setNotBefore(now - 60)
      .setIssuedAt(now)
      .setExpirationTime(now + LIFETIME_S)
      .sign(this.#key);
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
