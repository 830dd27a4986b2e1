import { readdir, readFile } from "node:fs/promises";
import { runToEnd } from "./run-to-end.ts";

/** One process of this machine, as the kernel tells it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  /** The process group's id, the pid of its first leader. */
  readonly group: number;
  /** When it started, in the kernel's own form; with the pid it names a process for good, pids alone are used again. */
  readonly startTime: string;
}

/** A variable that marks the processes of one owner; `accepts` gets its value. */
export interface EnvMarker {
  readonly name: string;
  accepts(value: string): boolean;
}

/** All living processes that this user may see; zombies are left out. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  if (process.platform !== "linux") return listByPs();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(readStat));
  return all.filter((info) => info !== undefined);
}

/** The processes below `root`, children before grandchildren; `root` itself is not among them. */
export function descendants(all: readonly ProcessInfo[], root: number): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (let parents = new Set([root]); parents.size > 0; ) {
    const children = all.filter((info) => parents.has(info.parentPid) && !found.includes(info));
    found.push(...children);
    parents = new Set(children.map((info) => info.pid));
  }
  return found;
}

/**
 * The processes whose environment, as it was at their start, holds the marker. A process that cleared the variable,
 * or wrote over its environment (some daemons do, to show a title), is not found.
 */
export async function withMarker(all: readonly ProcessInfo[], marker: EnvMarker): Promise<ProcessInfo[]> {
  if (process.platform !== "linux") return withMarkerByPs(all, marker);
  const prefix = `${marker.name}=`;
  const marked = await Promise.all(
    all.map(async ({ pid }) => {
      const environ = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      if (!environ.includes(prefix)) return false;
      return environ
        .split("\0")
        .some((entry) => entry.startsWith(prefix) && marker.accepts(entry.slice(prefix.length)));
    }),
  );
  return all.filter((_, index) => marked[index]);
}

/** `/proc/<pid>/stat`, see proc(5): pid (name) state ppid pgrp … starttime is the 22nd field. The name may hold anything. */
async function readStat(pid: string): Promise<ProcessInfo | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const [state, parentPid, group, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTime = rest[16];
  if (startTime === undefined || state === "Z" || state === "X") return undefined;
  return { pid: Number(pid), parentPid: Number(parentPid), group: Number(group), startTime };
}

/** The same for macOS and the BSDs. */
async function listByPs(): Promise<ProcessInfo[]> {
  const lines = await psLines(["-axww", "-o", "pid=,ppid=,pgid=,stat=,lstart="]);
  return lines.flatMap((line) => {
    const [pid, parentPid, group, state, ...start] = line.trim().split(/\s+/);
    if (pid === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parentPid: Number(parentPid), group: Number(group), startTime: start.join(" ") }];
  });
}

async function withMarkerByPs(all: readonly ProcessInfo[], marker: EnvMarker): Promise<ProcessInfo[]> {
  const prefix = `${marker.name}=`;
  const marked = new Set<number>();
  for (const line of await psLines(["-axwwE", "-o", "pid=,command="])) {
    const words = line.trim().split(/\s+/);
    if (words.some((word) => word.startsWith(prefix) && marker.accepts(word.slice(prefix.length)))) {
      marked.add(Number(words[0]));
    }
  }
  return all.filter((info) => marked.has(info.pid));
}

async function psLines(options: string[]): Promise<string[]> {
  const result = await runToEnd(
    { argv: ["ps", ...options], cwd: "/", env: { PATH: "/bin:/usr/bin" } },
    { maxBytes: 64 * 1024 * 1024 },
  );
  return result.stdout.toString("utf8").split("\n");
}
