import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { finished } from "node:stream/promises";
import { expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { ServerProcess } from "../../support/server-process.ts";

/** More than twice what node lets wait by itself. */
const CLIENTS = 1_200;

/** Linux's limit of the connections that wait for a program to take them. */
const SOMAXCONN = process.platform === "linux" ? Number(readFileSync("/proc/sys/net/core/somaxconn", "latin1")) : 0;
const missing = SOMAXCONN < CLIENTS ? `net.core.somaxconn is ${SOMAXCONN}, less than ${CLIENTS}` : undefined;
if (missing !== undefined) console.warn(`a burst of connections is not tried: ${missing}`);

it.skipIf(missing !== undefined)(
  "none of a fleet is lost that connects while the server is busy",
  {
    timeout: 120_000,
  },
  async () => {
    await using server = await ServerProcess.start();
    const pid = server.pid ?? 0;
    const port = Number(new URL(server.url).port);
    process.kill(pid, "SIGSTOP");
    const answers = Array.from({ length: CLIENTS }, () => answerTo(port));
    // The kernel takes them in the server's stead.
    await eventually("all requests to be there", () => answers.every(({ socket }) => socket.bytesWritten > 0), 20_000);
    process.kill(pid, "SIGCONT");
    const statuses = await Promise.all(answers.map(({ status }) => status));
    expect(statuses.filter((status) => status !== "HTTP/1.1 200")).toEqual([]);
  },
);

/** Asks on a connection of its own. */
function answerTo(port: number): { readonly socket: Socket; readonly status: Promise<string> } {
  const socket = connect({ port, host: "127.0.0.1" });
  const status = statusOf(socket);
  socket.once("connect", () => socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"));
  return { socket, status };
}

async function statusOf(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk) => (text += chunk));
  try {
    await finished(socket, { writable: false });
  } catch (error) {
    return String(error);
  }
  return text.slice(0, 12);
}
