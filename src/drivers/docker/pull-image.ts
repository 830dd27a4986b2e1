import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Engine, RegistryCredentials } from "./engine.ts";
import { parseImageReference } from "./image-reference.ts";

/** When an image is fetched: each time, when it is not here, or not at all. */
export type PullPolicy = "always" | "missing" | "never";

/** How an image is brought here. */
export interface PullOptions {
  readonly policy: PullPolicy;
  readonly credentials?: RegistryCredentials | undefined;
  readonly platform?: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Gets a line for each change. */
  log(line: string): void;
}

/** GitHub's runner tries three times (ContainerOperationProvider, PullContainerAsync). */
const TRIES = 3;
const RETRY_MS = 1000;

/**
 * Sees to it that an image is on the engine's machine, and returns the name by which the engine knows it.
 * @throws AppError not_found (it is nowhere, or may not be pulled), forbidden (credentials), cancelled, unavailable
 */
export async function pullImage(engine: Engine, name: string, options: PullOptions): Promise<string> {
  const { policy, clock, signal, log } = options;
  const { full, registry } = parseImageReference(name);
  // Podman keeps images that were built here below localhost/, which its interface for Docker's clients does not look up
  const known = [full, `localhost/${full}`];
  if (policy !== "always") {
    for (const candidate of known) if ((await engine.image(candidate)) !== undefined) return candidate;
  }
  if (policy === "never") {
    throw new AppError(
      "not_found",
      `the image ${full} is not on this machine and may not be pulled: load it, or set another pull policy`,
    );
  }
  log(`Pulling ${full}`);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await engine.pull(full, { ...options, registry, progress: log });
      return full;
    } catch (error) {
      const final = error instanceof AppError && (error.code === "not_found" || error.code === "forbidden");
      if (signal.aborted) throw new AppError("cancelled", `the pull of ${full} was cancelled`, error);
      if (final || attempt >= TRIES) throw error;
      log(`The pull failed and is tried again: ${(error as Error).message}`);
      await clock.sleep(RETRY_MS * attempt, { signal }).catch(() => undefined);
    }
  }
}
