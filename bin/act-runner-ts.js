#!/usr/bin/env node
// Picks the Node that runs the program: this one where it is new enough, else the one that the optional dependency
// node-linux-* brings, else a plain sentence. Static imports of native addons would crash an old Node before any check.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const MINIMUM_MAJOR = 24;
const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** @returns {string | undefined} path of the bundled Node, if it is installed for this platform */
function bundledNode() {
  try {
    const name = `node-linux-${process.arch}`;
    return createRequire(import.meta.url).resolve(`${name}/bin/node`);
  } catch {
    return undefined;
  }
}

process.env.UV_THREADPOOL_SIZE ??= "8"; // argon2 shares the pool with file and name look-ups
if (Number.parseInt(process.versions.node, 10) >= MINIMUM_MAJOR) {
  await import(main);
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(
      `act-runner-ts needs Node ${MINIMUM_MAJOR} or newer, this is ${process.version}: install it, or run "npm ci" with optional dependencies.`,
    );
    process.exitCode = 1;
  } else {
    const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("exit", (code, signal) => {
      if (signal !== null) process.removeAllListeners(signal), process.kill(process.pid, signal);
      else process.exitCode = code ?? 1;
    });
  }
}
