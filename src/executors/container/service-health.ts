import type Docker from "dockerode";
import type { Engine } from "../../drivers/docker/engine.ts";
import { runExec } from "../../drivers/docker/run-exec.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";

/** What waiting for a service needs. */
export interface HealthWait {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Longest wait. */
  readonly limitMs: number;
}

const FIRST_LOOK_MS = 50;
const SLOWEST_LOOK_MS = 1000;
/** Defaults of Docker's health checks. */
const DEFAULTS = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3 };

/**
 * Waits until a service is ready: healthy where it has a health check, else as soon as it runs.
 * @throws AppError unavailable when it ended or is unhealthy; timeout; cancelled
 */
export async function waitHealthy(engine: Engine, id: string, name: string, wait: HealthWait): Promise<void> {
  const { clock, signal, limitMs } = wait;
  const end = clock.now() + limitMs;
  const began = clock.now();
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, SLOWEST_LOOK_MS)) {
    const info = await engine.inspectContainer(id);
    if (info === undefined || !info.State.Running) {
      const code = info === undefined ? "" : ` with code ${info.State.ExitCode}`;
      throw new AppError("unavailable", `the service ${name} ended${code} before the job began; its log is above`);
    }
    const state = await health(engine, info, { ...wait, elapsedMs: clock.now() - began });
    if (state === "healthy") return;
    if (state === "unhealthy") {
      throw new AppError("unavailable", `the service ${name} is unhealthy: its health check fails; its log is above`);
    }
    if (clock.now() > end) {
      throw new AppError("timeout", `the service ${name} was not healthy within ${Math.round(limitMs / 1000)} s`);
    }
    await clock.sleep(waitMs, { signal });
  }
}

type Health = "healthy" | "starting" | "unhealthy";

async function health(
  engine: Engine,
  info: Docker.ContainerInspectInfo,
  wait: HealthWait & { readonly elapsedMs: number },
): Promise<Health> {
  const check = info.Config.Healthcheck;
  const [kind, ...words] = check?.Test ?? [];
  if (check === undefined || kind === undefined || kind === "NONE") return "healthy";
  if (engine.flavour.checksHealth) {
    const status = info.State.Health?.Status;
    return status === "healthy" || status === "unhealthy" ? status : "starting";
  }
  const argv = kind === "CMD-SHELL" ? ["/bin/sh", "-c", words.join(" ")] : kind === "CMD" ? words : [kind, ...words];
  const limit = new AbortController();
  using _ = wait.clock.timer(milliseconds(check.Timeout, DEFAULTS.timeoutMs), () => limit.abort());
  const exit = await runExec(
    engine,
    info.Id,
    { argv, env: {}, pty: false },
    {
      signal: AbortSignal.any([wait.signal, limit.signal]),
      marker: "ACT_RUNNER_HEALTH=1",
      clock: wait.clock,
      output: () => undefined,
    },
  );
  wait.signal.throwIfAborted();
  if (exit.kind === "exited" && exit.code === 0) return "healthy";
  const interval = milliseconds(check.Interval, DEFAULTS.intervalMs);
  const patience = milliseconds(check.StartPeriod, 0) + interval * (check.Retries || DEFAULTS.retries);
  return wait.elapsedMs > patience ? "unhealthy" : "starting";
}

function milliseconds(nanoseconds: number | undefined, fallback: number): number {
  return nanoseconds ? nanoseconds / 1e6 : fallback;
}
