import { open, readFile, rm } from "node:fs/promises";
import { AppError } from "../lib/errors.ts";

/**
 * Takes `<runner file>.lock`, so that two processes of this machine never run as the same runner. The file holds the
 * process id and its start; the lock of a process that no longer lives is taken over. Disposing gives it back.
 * @throws AppError conflict when another process holds it
 */
export async function lockRunnerFile(runnerFile: string): Promise<AsyncDisposable> {
  const path = `${runnerFile}.lock`;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(`${process.pid} ${await startTicks(process.pid)}\n`);
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST") {
        throw new AppError(
          "unavailable",
          `the lock file ${path} cannot be made: check the folder's permissions`,
          error,
        );
      }
      const holder = await readHolder(path);
      if (holder !== undefined && (await isRunning(holder))) throw inUse(path, holder.pid);
      await rm(path, { force: true });
    }
  }
  throw new AppError(
    "conflict",
    `the lock file ${path} changes all the time: another process starts with the same runner file`,
  );
}

function inUse(path: string, holder: number): AppError {
  return new AppError(
    "conflict",
    `process ${holder} runs with this runner file already (${path}): stop it first, or use another file`,
  );
}

interface Holder {
  readonly pid: number;
  /** Empty where the platform does not tell. */
  readonly ticks: string;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const match = /^([1-9][0-9]*) ?([0-9]*)\s*$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), ticks: match[2] ?? "" };
}

/** A process id alone is not enough: in a container the next runner has the number of the one before. */
async function isRunning({ pid, ticks }: Holder): Promise<boolean> {
  const now = await startTicks(pid);
  if (now !== "" && ticks !== "") return now === ticks;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process started, in ticks since the boot (field 22 of /proc/PID/stat); empty where there is no such file. */
async function startTicks(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
