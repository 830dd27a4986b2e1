import type { Clock } from "../lib/clock.ts";
import type { Artifacts } from "./artifacts.ts";
import type { Caches } from "./caches.ts";
import type { Exchange } from "./exchange.ts";
import type { JobTokens } from "./job-identity.ts";
import type { SignedAddresses } from "./signed-addresses.ts";
import type { Summaries } from "./summaries.ts";
import type { Uploads } from "./uploads.ts";

/** What the endpoints work with. A service that is absent is not served. */
export interface Services {
  readonly clock: Clock;
  readonly tokens: JobTokens;
  readonly addresses: SignedAddresses;
  readonly uploads: Uploads;
  readonly artifacts?: Artifacts;
  readonly caches?: Caches;
  readonly summaries?: Summaries;
}

/** Answers one request. @throws AppError what the caller did wrong, or what is away */
export type Endpoint = (services: Services, exchange: Exchange, match: RegExpExecArray) => Promise<void>;

/** How long an address for an upload is valid, unless its task ends before. */
export const UPLOAD_MS = 24 * 3_600_000;
/** How long an address for a download is valid. */
export const DOWNLOAD_MS = 3_600_000;
