#!/usr/bin/env node
// Picks the Node that runs the program: this one where it is new enough, else the one that the optional dependency
// node-linux-* brings, else a plain sentence. Static imports of native addons would crash an old Node before any check.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MINIMUM_MAJOR = 24;

/** @returns {string | undefined} path of the bundled Node, if it is installed for this platform */
function bundledNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}

/** Keeps compiled and type-stripped code between starts (0.2 s → 0.1 s). Below the user's own cache: a shared directory could be planted. */
async function enableCache() {
  const { enableCompileCache } = await import("node:module");
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  enableCompileCache?.(join(caches, "act-runner-ts", "compile"));
}

/** Without its launcher a program would run on unseen: a launcher that is killed takes it along, gently. */
function endWithLauncher() {
  if (process.channel === undefined) return;
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}

/**
 * Runs this file again with another Node and becomes its shadow: same signals, same exit.
 * @param {string} node path of the other Node
 */
function runWith(node) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(node, [...process.execArgv, self, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(
      `act-runner-ts: ${node} does not start (${error.message}): run "npm ci" again or install Node ${MINIMUM_MAJOR}`,
    );
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

process.env.UV_THREADPOOL_SIZE ??= "8"; // argon2 shares the pool with file and name look-ups
if (Number.parseInt(process.versions.node, 10) >= MINIMUM_MAJOR) {
  endWithLauncher();
  await enableCache();
  await import(new URL("../src/cli/main.ts", import.meta.url).href);
} else {
  const node = bundledNode();
  if (node !== undefined) {
    runWith(node);
  } else {
    process.stderr.write(
      `act-runner-ts needs Node ${MINIMUM_MAJOR} or newer, this is ${process.version}: install it, or run "npm ci" with optional dependencies.\n`,
    );
    process.exitCode = 1;
  }
}
