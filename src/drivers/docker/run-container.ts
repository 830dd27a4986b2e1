import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { AppError } from "../../lib/errors.ts";
import { awaitEnd } from "../process/await-end.ts";
import { defaultKillGrace, type KillGrace } from "../process/kill-tree.ts";
import { LinePump, type LineSink } from "../process/line-pump.ts";
import { carryOutput } from "./carry-output.ts";
import type { Engine } from "./engine.ts";
import { engineError } from "./engine-error.ts";

/** How a container is run to its end. */
export interface RunContainerOptions {
  /** Ends the container; its reason comes back in the exit. */
  readonly signal: AbortSignal;
  readonly output: LineSink;
  /** @default 7.5 s and 2.5 s */
  readonly grace?: KillGrace | undefined;
  /** How long to wait for the end of the output when the container has ended. @default 5 s */
  readonly drainMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** How it ended; as with a process of this machine. */
export type ContainerExit =
  | { readonly kind: "exited"; readonly code: number; readonly outOfMemory?: true }
  | { readonly kind: "killed"; readonly reason: unknown }
  | { readonly kind: "not-started"; readonly error: AppError };

const DRAIN_MS = 5000;

/**
 * Starts a container that was made, and carries its output until it ends. Rejects only with what `output` threw; the
 * container is killed first. Removing it is the caller's.
 */
export async function runContainer(engine: Engine, id: string, options: RunContainerOptions): Promise<ContainerExit> {
  const { signal, output, clock = systemClock, drainMs = DRAIN_MS } = options;
  const pump = new LinePump(output);
  let running: Awaited<ReturnType<typeof start>>;
  try {
    signal.throwIfAborted();
    running = await start(engine, id, pump);
  } catch (error) {
    if (signal.aborted) return { kind: "killed", reason: signal.reason };
    return { kind: "not-started", error: engineError(engine.flavour, "run the container", error) };
  }
  const end = () => endContainer(engine, id, running.exited, options);
  const exit = await awaitEnd(running, pump, { signal, drainMs, clock, end });
  if (exit.kind !== "exited" || exit.code === 0) return exit;
  const state = (await engine.inspectContainer(id).catch(() => undefined))?.State;
  return state?.OOMKilled === true ? { ...exit, outOfMemory: true } : exit;
}

async function start(engine: Engine, id: string, pump: LinePump) {
  const connection = (await engine.attach(id)) as Duplex;
  connection.on("error", () => undefined); // the end of the output is all that anybody waits for
  try {
    await engine.startContainer(id);
  } catch (error) {
    connection.destroy();
    throw error;
  }
  const exited = engine.waitContainer(id);
  exited.catch(() => undefined); // awaited later, or not at all once it is killed
  return { exited, drained: carryOutput(connection, pump, false), close: () => connection.destroy() };
}

/** SIGINT, SIGTERM, SIGKILL, with the graces between them. */
async function endContainer(
  engine: Engine,
  id: string,
  exited: Promise<number>,
  { grace = defaultKillGrace, clock = systemClock }: RunContainerOptions,
): Promise<void> {
  const gone = new AbortController();
  const end = () => gone.abort();
  exited.then(end, end);
  for (const [name, ms] of [["SIGINT", grace.interruptMs] as const, ["SIGTERM", grace.terminateMs] as const]) {
    await engine.signalContainer(id, name).catch(() => undefined);
    await clock.sleep(ms, { signal: gone.signal }).catch(() => undefined);
    if (gone.signal.aborted) return;
  }
  await engine.killContainer(id).catch(() => undefined);
}
