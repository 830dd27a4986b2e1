import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { onPath } from "./on-path.ts";

/** Why there is no Redis here, or undefined where there is. */
export const redisMissing: string | undefined = onPath("redis-server") ? undefined : "redis-server is not on the PATH";

/** A Redis of a test's own, in memory, with a password. */
export interface Redis extends AsyncDisposable {
  /** With the password. */
  readonly url: string;
  readonly port: number;
  /** Ends it; its clients notice at once. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** Password of every Redis of the tests. */
export const REDIS_PASSWORD = "a%secret";

/** Starts a Redis. Call it only where `redisMissing` is undefined. */
export async function startRedis(): Promise<Redis> {
  const port = await freePort();
  let end: (() => Promise<void>) | undefined;
  const start = async () => {
    const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", REDIS_PASSWORD];
    const child = spawn("redis-server", settings, { stdio: "ignore" });
    end = async () => {
      end = undefined;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    };
    await eventually("Redis to answer", () => answers(port));
  };
  const stop = async () => await end?.();
  await start();
  const url = `redis://:${encodeURIComponent(REDIS_PASSWORD)}@127.0.0.1:${port}`;
  return { url, port, start, stop, [Symbol.asyncDispose]: stop };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
