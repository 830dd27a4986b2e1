import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { onPath } from "./on-path.ts";

/** Kinds of proxies. */
export type ProxyKind = "nginx" | "haproxy";

/** What differs from a proxy's defaults. */
export interface ProxyOptions {
  /** Its timeouts are its defaults divided by this, for a test that cannot wait for a minute. @default 1 */
  readonly faster?: number;
  /** It holds answers back, whatever the server says (nginx only). @default false */
  readonly buffers?: boolean;
  /** Longest body of a request that it takes (nginx only). @default 1 MiB */
  readonly mostBodyBytes?: number;
}

/** A proxy in a process of its own in front of one server. Disposing ends it. */
export interface ReverseProxy extends AsyncDisposable {
  /** For HTTP/1.1. */
  readonly url: string;
  /** For HTTP/2 without TLS (gRPC). */
  readonly grpcUrl: string;
}

/** Why a proxy cannot be started here, or undefined. */
export const proxyMissing: Readonly<Record<ProxyKind, string | undefined>> = {
  nginx: onPath("nginx") ? undefined : "nginx is not on the PATH",
  haproxy: onPath("haproxy") ? undefined : "haproxy is not on the PATH",
};

/**
 * Starts a proxy with the settings that it has when nobody changes any: of nginx those that are compiled in, of HAProxy
 * those of Debian's haproxy.cfg. What is set is only addresses, the paths of its files, and `options`.
 */
export async function reverseProxy(
  kind: ProxyKind,
  upstream: string,
  options: ProxyOptions = {},
): Promise<ReverseProxy> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), `${kind}-`));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const ports = [await freePort(), await freePort()] as const;
  const config = join(folder, "proxy.conf");
  await mkdir(join(folder, "temp"));
  const text = kind === "nginx" ? nginxConfig : haproxyConfig;
  await writeFile(config, text({ folder, ports, upstream: new URL(upstream).host, ...options }));
  const args = kind === "nginx" ? ["-p", folder, "-c", config, "-e", "stderr"] : ["-db", "-f", config];
  const child = spawn(kind, args, { stdio: ["ignore", "ignore", "pipe"] });
  cleanup.defer(() => ended(child));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => (said += chunk));
  await eventually(`${kind} to listen`, async () => {
    if (child.exitCode !== null) throw new Error(`${kind} did not start: ${said}`);
    return (await Promise.all(ports.map(listens))).every(Boolean);
  });
  const owned = cleanup.move();
  return {
    url: `http://127.0.0.1:${ports[0]}`,
    grpcUrl: `http://127.0.0.1:${ports[1]}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Given extends ProxyOptions {
  readonly folder: string;
  readonly ports: readonly [number, number];
  readonly upstream: string;
}

function nginxConfig({ folder, ports, upstream, faster = 1, buffers = false, mostBodyBytes }: Given): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path temp/${name};`);
  const timeouts = ["proxy_read", "proxy_send", "grpc_read", "grpc_send", "client_body", "send"].map(
    (name) => `${name}_timeout ${60_000 / faster}ms;`,
  );
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/pid;
events {}
http {
  access_log off;
  ${paths.join("\n  ")}
  ${faster === 1 ? "" : timeouts.join("\n  ")}
  ${mostBodyBytes === undefined ? "" : `client_max_body_size ${mostBodyBytes};`}
  ${buffers ? "proxy_ignore_headers X-Accel-Buffering;" : ""}
  server {
    listen 127.0.0.1:${ports[0]};
    location / { proxy_pass http://${upstream}; }
  }
  server {
    listen 127.0.0.1:${ports[1]} http2;
    location / { grpc_pass grpc://${upstream}; }
  }
}
`;
}

function haproxyConfig({ ports, upstream, faster = 1 }: Given): string {
  return `
defaults
  mode http
  timeout connect ${5_000 / faster}
  timeout client ${50_000 / faster}
  timeout server ${50_000 / faster}
frontend http1
  bind 127.0.0.1:${ports[0]}
  default_backend http1
backend http1
  server one ${upstream}
frontend grpc
  bind 127.0.0.1:${ports[1]} proto h2
  default_backend grpc
backend grpc
  server one ${upstream} proto h2
`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
