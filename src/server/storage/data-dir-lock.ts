import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../lib/errors.ts";
import { databaseErrorCode } from "./database-errors.ts";
import { sqliteDriver } from "./sqlite-driver.ts";

/**
 * Takes the data directory for this process until it is disposed, making the directory where it is missing.
 * `server.lock` is an empty SQLite file held in an exclusive transaction: the kernel lets go of it when the process
 * dies, however it dies and in whatever container, so that a stale lock cannot exist. `server.pid` is for people.
 * @throws AppError conflict naming the process that holds it
 */
export function lockDataDir(dataDir: string): Disposable {
  const pidFile = join(dataDir, "server.pid");
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AppError(
      "invalid",
      `the data directory ${dataDir} cannot be made; choose another or fix its parent`,
      error,
    );
  }
  const lock = openLock(join(dataDir, "server.lock"));
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!databaseErrorCode(error)?.startsWith("SQLITE_BUSY")) {
      throw new AppError("unavailable", `the data directory ${dataDir} cannot be locked; check its disk`, error);
    }
    const message = `the data directory ${dataDir} is in use by another server (process ${readPid(pidFile)}); stop it or choose another directory`;
    throw new AppError("conflict", message, error);
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  let held = true;
  return {
    [Symbol.dispose]() {
      if (!held) return;
      held = false;
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
}

function openLock(path: string) {
  try {
    return new sqliteDriver(path, { timeout: 0 });
  } catch (error) {
    throw new AppError(
      "invalid",
      `the lock file ${path} cannot be opened; check the permissions of its directory`,
      error,
    );
  }
}

function readPid(pidFile: string): string {
  try {
    return readFileSync(pidFile, "utf8").trim();
  } catch {
    return "unknown";
  }
}
