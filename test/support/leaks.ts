import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Variable that every process started by a test run carries, with the id of the run. */
export const TEST_RUN_VARIABLE = "ACT_RUNNER_TEST_RUN";

/** What other programs keep in the temporary directory on purpose. */
const NOT_OURS = /^(node-compile-cache|node-jiti|vitest-|\.?X\d+-lock|systemd-)/;

/** Command lines of the processes that vitest's main process keeps for itself; what tests start is below its workers. */
const VITEST_OWN = /^(node \(vitest|vitest-watchdog)|\/node_modules\/vitest\//;

/** A process that a test left behind. */
export interface LeakedProcess {
  readonly pid: number;
  /** Its command line, without arguments that are long. */
  readonly command: string;
  /** It carries the run's mark, so it was started by a test for certain; a shell may just stand in the directory. */
  readonly marked: boolean;
}

/**
 * Processes that belong to the run: those that carry its mark, and those that work below its temporary directory
 * (a job's processes have an environment of their own). Empty where there is no /proc.
 * @param testProgram id of vitest's main process; it and its own workers and watchdog are not counted
 */
export async function leakedProcesses(
  run: { readonly id: string; readonly directory: string },
  testProgram: number,
): Promise<LeakedProcess[]> {
  const names = await readdir("/proc").catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name) && Number(name) !== testProgram)
      .map(async (name): Promise<LeakedProcess | undefined> => {
        const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
        const marked = environment.split("\0").includes(`${TEST_RUN_VARIABLE}=${run.id}`);
        const directory = await readlink(`/proc/${name}/cwd`).catch(() => "");
        if (!marked && !`${directory}/`.startsWith(`${run.directory}/`)) return;
        const [stat, command] = await Promise.all([
          readFile(`/proc/${name}/stat`, "latin1").catch(() => ""),
          readFile(`/proc/${name}/cmdline`, "utf8").catch(() => ""),
        ]);
        // A zombie is dead; its parent has only not asked yet.
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (stat === "" || state === "Z") return;
        if (Number(parent) === testProgram && VITEST_OWN.test(command)) return;
        return { pid: Number(name), command: command.replaceAll("\0", " ").trim().slice(0, 200), marked };
      }),
  );
  return found.filter((process) => process !== undefined);
}

/** Entries of the run's temporary directory that a test left behind, as full paths. */
export async function leakedFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => !NOT_OURS.test(name)).map((name) => join(directory, name));
}
