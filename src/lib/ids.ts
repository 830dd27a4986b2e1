import { randomBytes, randomUUID } from "node:crypto";

/** Source of identifiers and secrets, by parameter so that tests and the simulation are repeatable. */
export interface Ids {
  /** A random UUID, version 4. */
  uuid(): string;
  /** 20 random bytes as 40 lower-case hex digits: the form of Gitea's runner, registration and task tokens. */
  token(): string;
  /** A number in [0, 1), for jitter. */
  random(): number;
}

/** Identifiers from the operating system's source of randomness. */
export const systemIds: Ids = {
  uuid: () => randomUUID(),
  token: () => randomBytes(20).toString("hex"),
  random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
};
