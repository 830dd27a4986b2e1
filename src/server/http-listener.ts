import { createServer, type RequestListener, type Server } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../lib/clock.ts";

/** First bytes of an HTTP/2 connection; three are enough, because `P` alone also begins POST, PUT and PATCH. */
const PREFACE = Buffer.from("PRI");
/** A client that has not said three bytes by then is dropped. */
const PEEK_MS = 10_000;
/** Streams that one HTTP/2 connection may have open; a runner holds a few, a proxy may hold many. */
const MAX_STREAMS = 1_000;
/** Idle time after which the kernel probes whether the peer is still there. */
const KEEP_ALIVE_MS = 30_000;

/** Connections without a request are let go after it, on either version of HTTP. */
const IDLE_MS = 65_000;
/** A request has to be there in whole by then; http.Server's own limit, which http2 does not have. */
const REQUEST_MS = 300_000;

/** One port for HTTP/1.1 and for HTTP/2 without TLS. */
export interface HttpListener {
  /** A real `http.Server`, so that its timeouts, `address()` and `close()` work. */
  readonly server: Server;
  /**
   * Lets idle connections go: HTTP/2 sessions get GOAWAY and finish what is in flight, idle HTTP/1.1 sockets close,
   * sockets that have not said anything yet are dropped. To be called again until the server is closed, because
   * connections become idle later.
   */
  releaseIdle(): void;
  /** Ends every connection at once, whatever runs on it. */
  destroyAll(): void;
}

/**
 * Makes the listener: the `connection` listener of a real http server is taken over, three bytes are looked at, and
 * the socket goes to HTTP/2 or back to HTTP/1.1 (measured against the alternatives: a net.Server in front loses the
 * timeouts of http.Server and hangs in close).
 */
export function createHttpListener(handler: RequestListener, clock: Clock): HttpListener {
  const server = createServer({ keepAliveTimeout: IDLE_MS }, handler);
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  // Fastify's handler reads both kinds of request; the types of the compatibility API only differ in what it never uses.
  const handle = handler as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  http2.on("request", (request, response) => {
    limitRequest(request, clock);
    handle(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  const peeking = new Set<Socket>();
  http2.on("session", (session) => {
    sessions.add(session);
    limitIdleTime(session, clock);
    session.once("close", () => sessions.delete(session));
  });
  http2.on("sessionError", (_error, session) => session.destroy());

  const [http1] = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  if (http1 === undefined) throw new Error("this version of node:http has no connection listener to take over");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    peek(socket, peeking, clock, (isHttp2) => {
      if (!isHttp2) return http1.call(server, socket);
      // http.Server accepts half-open sockets; without this a killed HTTP/2 client would never be noticed.
      socket.allowHalfOpen = false;
      http2.emit("connection", socket);
    });
  });

  return {
    server,
    releaseIdle() {
      for (const socket of peeking) socket.destroy();
      for (const session of sessions) session.close();
      server.closeIdleConnections();
    },
    destroyAll() {
      for (const socket of peeking) socket.destroy();
      for (const session of sessions) session.destroy();
      server.closeAllConnections();
    },
  };
}

/** Lets a session go that has had no stream for a while; pings alone do not keep it. */
function limitIdleTime(session: ServerHttp2Session, clock: Clock): void {
  let streams = 0;
  const wait = () => clock.timer(IDLE_MS, () => session.close());
  let timer = wait();
  session.on("stream", (stream) => {
    streams++;
    timer[Symbol.dispose]();
    stream.once("close", () => {
      streams--;
      if (streams === 0 && !session.destroyed) timer = wait();
    });
  });
  session.once("close", () => timer[Symbol.dispose]());
}

/** Ends the stream of a request whose body does not come. */
function limitRequest(request: Http2ServerRequest, clock: Clock): void {
  if (request.complete) return;
  const { stream } = request;
  const timer = clock.timer(REQUEST_MS, () => {
    if (!request.complete) stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.once("close", () => timer[Symbol.dispose]());
}

/** Reads until three bytes are there, puts them back and tells whether they open an HTTP/2 connection. */
function peek(socket: Socket, peeking: Set<Socket>, clock: Clock, decided: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0);
  peeking.add(socket);
  const drop = () => socket.destroy();
  const timer = clock.timer(PEEK_MS, drop);
  socket.on("error", drop);
  const settle = () => {
    peeking.delete(socket);
    timer[Symbol.dispose]();
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", settle);
  };
  const decide = () => {
    settle();
    socket.off("error", drop);
    if (seen.length > 0) socket.unshift(seen);
    decided(seen.subarray(0, PREFACE.length).equals(PREFACE));
  };
  const onEnd = () => decide();
  const onReadable = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = Buffer.concat([seen, chunk]);
      if (seen.length >= PREFACE.length) return decide();
    }
  };
  socket.on("readable", onReadable);
  socket.once("end", onEnd);
  socket.once("close", settle);
}
