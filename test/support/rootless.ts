import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onPath } from "./on-path.ts";

/**
 * Becomes a user who is nobody else's, and runs the rest of the arguments. "$1" is a folder for the user's home. The user
 * exists in namespaces of these processes alone, and so do the devices that rootless networks and overlays need: nothing
 * of the machine is changed, and with the first process all of them end.
 */
const BECOME = `
  set -e
  home=$1; shift
  mkdir -p "$home/home" "$home/run"
  for file in passwd group; do cp "/etc/$file" "$home/$file"; done
  echo "rootless:x:64242:64242::$home/home:/bin/sh" >>"$home/passwd"
  echo "rootless:x:64242:" >>"$home/group"
  echo "rootless:300000:65536" | tee "$home/subuid" >"$home/subgid"
  chown 64242:64242 "$home/home" "$home/run"
  chmod 700 "$home/run"
  for file in passwd group subuid subgid; do
    [ -e "/etc/$file" ] || : >"/etc/$file"
    mount --bind "$home/$file" "/etc/$file"
  done
  mknod -m 666 "$home/tun" c 10 200
  mknod -m 666 "$home/fuse" c 10 229
  mount --bind "$home/tun" /dev/net/tun
  mount --bind "$home/fuse" /dev/fuse
  cd "$home/home"
  exec setpriv --reuid=64242 --regid=64242 --clear-groups env -i "HOME=$home/home" "XDG_RUNTIME_DIR=$home/run" \\
    "PATH=$PATH:/usr/sbin:/sbin" "$@"
`;

const PROGRAMS = ["unshare", "setpriv", "newuidmap", "slirp4netns", "podman", "catatonit"];
const DEVICES = ["/dev/net/tun", "/dev/fuse"];

/** Why this machine cannot run rootless Podman as another user; undefined when it can. */
export async function rootlessMissing(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux can become a new user";
  const program = PROGRAMS.find((name) => !onPath(name));
  if (program !== undefined) return `${program} is not on the PATH`;
  const device = DEVICES.find((path) => !existsSync(path));
  if (device !== undefined) return `there is no ${device}`;
  await using folder = await rootlessHome();
  const { code, said } = await runRootless(folder.path, ["podman", "unshare", "true"]);
  return code === 0 ? undefined : `podman does not start: ${said.trim().split("\n").at(-1) ?? ""}`;
}

/** An empty folder that all may enter. */
export async function rootlessHome(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "rootless-"));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A test as the run of another process reports it. */
export interface ReportedTest {
  readonly title: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

/** Runs a test file as an unprivileged user, and returns what became of its tests. @param home of `rootlessHome` */
export async function runTestsRootless(file: string, home: string): Promise<{ code: number; tests: ReportedTest[] }> {
  const root = join(import.meta.dirname, "../..");
  const report = join(home, "home", "report.json");
  const vitest = [
    ...[process.execPath, join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", root],
    ...["--configLoader", "runner", "--reporter=json", `--outputFile.json=${report}`, file],
  ];
  const { code, said } = await runRootless(home, vitest);
  const text = await readFile(report, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(`the tests did not run: ${said}`);
  const { testResults } = JSON.parse(text) as { testResults: { assertionResults: ReportedTest[] }[] };
  return { code, tests: testResults.flatMap(({ assertionResults }) => assertionResults) };
}

async function runRootless(home: string, argv: readonly string[]): Promise<{ code: number; said: string }> {
  const unshare = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const child = spawn("unshare", [...unshare, "sh", "-c", BECOME, "rootless", home, ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));
  return { code, said };
}
