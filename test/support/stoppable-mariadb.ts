import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

/** A MariaDB of one test's own, that can be away for a while. Its commits are on disk. */
export interface StoppableMariadb extends AsyncDisposable {
  /** URL of an empty database. */
  readonly url: string;
  /** Kills it as a crash does. */
  stop(): Promise<void>;
  /** Starts it again, and waits until it answers. */
  start(): Promise<void>;
}

/** Lives as long as its standard input is open, however the process that started it ends. */
const SCRIPT = `"$@" </dev/null &
PID=$!
cat >/dev/null || true
kill -9 $PID || true
wait $PID || true
`;

/** Installs and starts one. Call it only where `mariadbMissing` is undefined. */
export async function stoppableMariadb(): Promise<StoppableMariadb> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "stoppable-mariadb-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const [port, user] = [await freePort(), userInfo().username];
  const data = `--datadir=${join(folder, "data")}`;
  const installed = spawnSync(
    "mariadb-install-db",
    ["--no-defaults", `--user=${user}`, data, "--auth-root-authentication-method=normal", "--skip-test-db"],
    { encoding: "utf8" },
  );
  if (installed.status !== 0) throw new Error(`mariadb-install-db failed: ${installed.stdout}${installed.stderr}`);
  const init = join(folder, "init.sql");
  const statements = ["CREATE USER IF NOT EXISTS 'app'@'127.0.0.1'", "GRANT ALL ON *.* TO 'app'@'127.0.0.1'"];
  await writeFile(init, [...statements, "CREATE DATABASE IF NOT EXISTS chaos", ""].join(";\n"));
  const args = [
    ...["mariadbd", "--no-defaults", `--user=${user}`, data, `--socket=${join(folder, "s.sock")}`],
    ...[`--pid-file=${join(folder, "pid")}`, `--port=${port}`, "--bind-address=127.0.0.1", "--skip-name-resolve"],
    ...[`--log-error=${join(folder, "error.log")}`, `--init-file=${init}`, "--max-connections=400"],
  ];
  const url = `mysql://app@127.0.0.1:${port}/chaos`;
  let child: ChildProcess | undefined;
  const stop = async () => {
    if (child === undefined) return;
    const ended = once(child, "close");
    child.stdin?.end();
    await ended;
    child = undefined;
  };
  const start = async () => {
    const started = spawn("sh", ["-c", SCRIPT, "sh", ...args], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    child = started;
    const answers = async () => {
      if (started.exitCode !== null) throw new Error("MariaDB did not start");
      const connection = await createConnection(url).catch(() => undefined);
      await connection?.end();
      return connection !== undefined;
    };
    await eventually("MariaDB to answer", answers, 60_000);
  };
  cleanup.defer(stop);
  await start();
  const owned = cleanup.move();
  return { url, stop, start, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
