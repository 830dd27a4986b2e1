import { spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { onPath } from "./on-path.ts";

/** A private MariaDB server. */
export interface Mariadb {
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Port on 127.0.0.1. */
  readonly port: number;
}

/** Why there is no MariaDB here, or undefined where there is. */
export const mariadbMissing: string | undefined = ["mariadbd", "mariadb-install-db"].every(onPath)
  ? undefined
  : "mariadbd or mariadb-install-db is not on the PATH";

/**
 * Installs, runs, and at the end removes the server. It lives as long as its standard input is open, so it ends with
 * the process that started it, however that ends: nothing is left behind even after SIGKILL.
 */
const SCRIPT = `
  set -e
  D="$1/data"
  mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$D" --auth-root-authentication-method=normal \
    --skip-test-db >"$1/install.log" 2>&1
  echo "CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'p%s&s';" >"$1/init.sql"
  echo "GRANT ALL ON *.* TO 'app'@'127.0.0.1';" >>"$1/init.sql"
  mariadbd --no-defaults --user="$(id -un)" --datadir="$D" --socket="$1/s.sock" --pid-file="$1/m.pid" --port="$2" \
    --bind-address=127.0.0.1 --skip-name-resolve --innodb-flush-log-at-trx-commit=2 --log-error="$1/err.log" \
    --init-file="$1/init.sql" --max-connections=400 </dev/null &
  PID=$!
  cat >/dev/null || true
  kill -9 $PID || true
  wait $PID || true
  rm -rf "$1"
`;

let shared: Promise<Mariadb> | undefined;

/** The server of this process, started by the first call. Call it only where `mariadbMissing` is undefined. */
export function sharedMariadb(): Promise<Mariadb> {
  shared ??= start();
  return shared;
}

async function start(): Promise<Mariadb> {
  const directory = await mkdtemp(join(tmpdir(), "mariadb-"));
  const port = await freePort();
  const child = spawn("sh", ["-c", SCRIPT, "mariadb", directory, String(port)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  const server = { host: "127.0.0.1", port, user: "app", password: "p%s&s" };
  await eventually(
    "MariaDB to answer",
    async () => {
      if (child.exitCode !== null) throw new Error(`MariaDB did not start; see ${directory}`);
      const connection = await createConnection(server).catch(() => undefined);
      await connection?.end();
      return connection !== undefined;
    },
    40_000,
  );
  let count = 0;
  return {
    port,
    async createDatabase() {
      const name = `t${process.pid}_${++count}`;
      const connection = await createConnection(server);
      await connection.query(`CREATE DATABASE ${name}`);
      await connection.end();
      return `mysql://app:${encodeURIComponent(server.password)}@127.0.0.1:${port}/${name}`;
    },
  };
}
