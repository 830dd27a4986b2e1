import type { JsonValue } from "../../lib/json.ts";

/** A job that may call services. */
export interface ServiceJob {
  /** `ACTIONS_RUNTIME_TOKEN`. */
  readonly token: string;
  readonly github: Readonly<Record<string, JsonValue>>;
  /** Its steps run in a container, which does not see this machine's loopback. */
  readonly inContainer: boolean;
}

/** Variables of a job, valid until it is disposed. */
export interface ServiceAccess extends Disposable {
  readonly env: Readonly<Record<string, string>>;
}
