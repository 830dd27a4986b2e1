import type { Clock } from "../../lib/clock.ts";
import { descendants, type EnvMarker, listProcesses, type ProcessInfo, withMarker } from "./process-table.ts";

/** How long a process may take to go by itself. */
export interface KillGrace {
  /** From SIGINT to SIGTERM. */
  readonly interruptMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly terminateMs: number;
}

/** As GitHub's runner does it: actions/runner ProcessInvoker.cs, `_sigintTimeout` and `_sigtermTimeout`. */
export const defaultKillGrace: KillGrace = { interruptMs: 7500, terminateMs: 2500 };

/** How often the process table is looked through while processes are asked to go. */
const LOOK_EVERY_MS = 50;
/** After SIGKILL: a process that is still there hangs in the kernel, and nothing can be done about it. */
const KILL_PATIENCE_MS = 5000;

/**
 * Ends a process that leads its own group, and all that it started:
 * SIGINT to the group · its leader may take `interruptMs` · SIGTERM to all that is left · `terminateMs` · SIGKILL to all that is left.
 * "All" is the group, the children's children as they were at the beginning, and who carries the marker.
 *
 * @param leader the pid, which is also the group's id
 * @param gone settles when the leader has exited
 */
export async function interruptThenKill(
  leader: number,
  gone: Promise<unknown>,
  options: { grace: KillGrace; clock: Clock; marker?: EnvMarker | undefined },
): Promise<void> {
  const { grace, clock, marker } = options;
  const family = descendants(await listProcesses(), leader);
  signalTo(-leader, "SIGINT");
  await settledWithin(gone, grace.interruptMs, clock);

  const leftovers = () => findFamily(leader, family, marker);
  const ask = (found: readonly ProcessInfo[]) => {
    for (const { pid } of found) signalTo(pid, "SIGTERM");
  };
  const remaining = await leftovers();
  ask(remaining);
  if (remaining.length > 0) await untilNone(leftovers, grace.terminateMs, clock);
  await killAll(leftovers, clock);
}

/**
 * SIGKILL to every process that `find` finds, again and again until it finds none: a process may fork while it is looked for.
 * @returns those that could not be killed within 5 s (another user's, or stuck in the kernel); normally none
 */
export async function killAll(
  find: () => Promise<readonly ProcessInfo[]>,
  clock: Clock,
): Promise<readonly ProcessInfo[]> {
  const end = clock.now() + KILL_PATIENCE_MS;
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, LOOK_EVERY_MS)) {
    const found = await find();
    if (found.length === 0 || clock.now() > end) return found;
    for (const { pid } of found) signalTo(pid, "SIGKILL");
    await clock.sleep(waitMs, {});
  }
}

async function untilNone(find: () => Promise<readonly ProcessInfo[]>, ms: number, clock: Clock): Promise<void> {
  const end = clock.now() + ms;
  while (clock.now() < end) {
    await clock.sleep(Math.min(LOOK_EVERY_MS, end - clock.now()), {});
    if ((await find()).length === 0) return;
  }
}

async function findFamily(leader: number, known: readonly ProcessInfo[], marker?: EnvMarker): Promise<ProcessInfo[]> {
  const all = await listProcesses();
  const marked = marker === undefined ? [] : await withMarker(all, marker);
  return all.filter(
    (info) =>
      info.group === leader ||
      marked.includes(info) ||
      known.some((one) => one.pid === info.pid && one.startTime === info.startTime),
  );
}

/** Sends a signal; who is gone already, or belongs to someone else, is left alone. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: gone. EPERM: it changed its user; only that user can end it.
  }
}

async function settledWithin(promise: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  const settled = new AbortController();
  const end = () => settled.abort();
  promise.then(end, end);
  await clock.sleep(ms, { signal: settled.signal }).catch(() => undefined);
}
