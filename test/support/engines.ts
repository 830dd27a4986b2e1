import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { eventually } from "./eventually.ts";

/** A private container engine of a test process. */
export interface TestEngine {
  readonly name: "docker" | "podman";
  readonly socket: string;
  /** Image of busybox that is there already. */
  readonly image: string;
}

/** An engine, or why there is none here. */
export type EngineOrReason = { readonly engine: TestEngine } | { readonly missing: string };

/** Image of the tests; made of Debian's busybox-static, without any registry. */
const IMAGE = "act-runner-test";

/** Makes busybox's root file system in "$1/root". */
const ROOT_FS = `
  mkdir -p "$1/root/bin" "$1/root/etc" "$1/root/root" "$1/root/tmp"
  chmod 1777 "$1/root/tmp"
  cp "$(command -v busybox)" "$1/root/bin/busybox"
  for applet in $("$1/root/bin/busybox" --list); do [ -e "$1/root/bin/$applet" ] || ln -s busybox "$1/root/bin/$applet"; done
  echo root:x:0:0:root:/root:/bin/sh >"$1/root/etc/passwd"
  echo nobody:x:65534:65534:nobody:/tmp:/bin/sh >>"$1/root/etc/passwd"
  echo root:x:0: >"$1/root/etc/group"
`;

/**
 * Runs an engine until standard input closes, which it does however the test process ends; then nothing of it is left.
 * "$1" is its folder. It says that it is ready by the file "$1/ready".
 */
const SCRIPTS: Readonly<Record<TestEngine["name"], string>> = {
  docker: `
    set -e
    ${ROOT_FS}
    dockerd --data-root "$1/data" --exec-root "$1/exec" --host "unix://$1/s.sock" --pidfile "$1/pid" \
      --iptables=false --ip6tables=false --bridge=none --shutdown-timeout 2 </dev/null >"$1/log" 2>&1 &
    PID=$!
    set +e
    (
      until docker -H "unix://$1/s.sock" version; do sleep 0.1; done
      tar -C "$1/root" -c . | docker -H "unix://$1/s.sock" import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' - ${IMAGE}
      touch "$1/ready"
    ) >"$1/image.log" 2>&1 </dev/null &
    cat >/dev/null
    kill $! 2>/dev/null
    kill -TERM $PID
    wait
    rm -rf "$1"
  `,
  podman: `
    set -e
    ${ROOT_FS}
    mkdir -p "$1/cni" "$1/tmp"
    printf '%s\\n' '[containers]' 'default_ulimits=["nofile=16384:16384","nproc=32768:32768"]' \
      '[engine]' 'cgroup_manager="cgroupfs"' 'events_logger="file"' 'exit_command_delay=5' \
      '[network]' "network_config_dir=\\"$1/cni\\"" >"$1/containers.conf"
    export CONTAINERS_CONF="$1/containers.conf" TMPDIR="$1/tmp"
    P="podman --root $1/data --runroot $1/run --tmpdir $1/tmp"
    tar -C "$1/root" -c . | $P import -c ENV=PATH=/bin - ${IMAGE} >"$1/image.log" 2>&1 </dev/stdin
    cd "$1" # conmon leaves a file "oom" in its working directory
    $P system service --time=0 "unix://$1/s.sock" </dev/null >"$1/log" 2>&1 &
    PID=$!
    set +e
    touch "$1/ready"
    cat >/dev/null
    $P rm --all --force --time 0 >/dev/null 2>&1
    $P network prune --force >/dev/null 2>&1
    kill -TERM $PID
    wait
    # Each conmon that is still ending starts podman once more, which mounts the store again.
    for try in $(seq 150); do
      pgrep -f -- "$1/data" >/dev/null || break
      sleep 0.1
    done
    umount "$1/data/overlay" 2>/dev/null
    if [ "$(id -u)" != 0 ]; then
      # files of a container's users belong to others than this one, and a process keeps the namespace of all of them
      $P unshare rm -rf "$1/data" "$1/run" >/dev/null 2>&1
      kill "$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid" "$1/tmp/pause.pid" 2>/dev/null | head -n 1)" 2>/dev/null
    fi
    rm -rf "$1"
  `,
};

const PROGRAMS: Readonly<Record<TestEngine["name"], readonly string[]>> = {
  docker: ["dockerd", "docker", "busybox"],
  podman: ["podman", "catatonit", "busybox"],
};

const started = new Map<TestEngine["name"], Promise<EngineOrReason>>();

/** The engine of this process, started by the first call and ended with the process. */
export function testEngine(name: TestEngine["name"]): Promise<EngineOrReason> {
  const engine = started.get(name) ?? start(name);
  started.set(name, engine);
  return engine;
}

async function start(name: TestEngine["name"]): Promise<EngineOrReason> {
  if (process.platform !== "linux") return { missing: "only Linux has it" };
  if (name === "docker" && process.getuid?.() !== 0) return { missing: "only root can start it" };
  const absent = PROGRAMS[name].filter((program) => !onPath(program));
  if (absent.length > 0) return { missing: `${absent.join(" and ")} is not on the PATH` };
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  await chmod(directory, 0o711);
  const child = spawn("sh", ["-c", SCRIPTS[name], name, directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  const socket = join(directory, "s.sock");
  try {
    await eventually(
      "the engine",
      () => hasEnded(child) || [socket, join(directory, "ready")].every(existsSync),
      40_000,
    );
    if (hasEnded(child)) throw new Error("it ended");
  } catch (error) {
    const log = await readFile(join(directory, "log"), "utf8").catch(() => "");
    child.stdin.end();
    return { missing: `it does not start (${(error as Error).message}): ${log.trim().split("\n").at(-1) ?? ""}` };
  }
  return { engine: { name, socket, image: IMAGE } };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function onPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, program)));
}
