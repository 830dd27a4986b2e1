import { spawn } from "node:child_process";
import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { findProgram } from "../process/find-program.ts";

/** Ends the service, and its folder, when standard input closes: that is when this process ends, however it does. */
const SCRIPT = `
podman system service --time=0 "unix://$1/podman.sock" </dev/null >/dev/null 2>&1 &
cat >/dev/null
kill "$!"
wait
rm -rf "$1"
`;

/** After an exec Podman keeps two processes for five minutes; newer versions (4.7) read this beside their own files. */
const OVERRIDE = "[engine]\nexit_command_delay=10\n";
const START_MS = 20_000;
const LOOK_MS = 50;

/**
 * Starts Podman's service for this process alone, where only the program is installed, and returns its socket.
 * @throws AppError unavailable when there is no podman, or it does not start
 */
export async function startPodmanService(
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<string> {
  if ((await findProgram("podman", environment["PATH"])) === undefined) {
    throw new AppError("unavailable", "podman is not installed: neither its service answers nor is it on the PATH");
  }
  const folder = await mkdtemp(join(tmpdir(), "act-runner-podman-"));
  const override = join(folder, "containers.conf");
  await writeFile(override, OVERRIDE);
  const child = spawn("sh", ["-c", SCRIPT, "podman-service", folder], {
    cwd: folder, // conmon leaves a file "oom" in its working directory
    env: { ...environment, CONTAINERS_CONF_OVERRIDE: override },
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.on("error", () => undefined); // the socket does not come then
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  const socket = join(folder, "podman.sock");
  for (const end = clock.now() + START_MS; clock.now() < end; await clock.sleep(LOOK_MS, {})) {
    if ((await stat(socket).catch(() => undefined))?.isSocket()) return socket;
  }
  child.stdin.end();
  throw new AppError("unavailable", "podman is installed, but 'podman system service' does not start: try it by hand");
}
