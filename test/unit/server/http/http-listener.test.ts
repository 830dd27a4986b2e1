import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../../src/lib/clock.ts";
import { createHttpListener, type HttpListener } from "../../../../src/server/http-listener.ts";
import { eventually } from "../../../support/eventually.ts";

/** Timers that run out when the test says so, by their length. */
const timers = new Map<() => void, number>();
const clock: Clock = {
  ...systemClock,
  timer(ms, callback) {
    timers.set(callback, ms);
    return { [Symbol.dispose]: () => void timers.delete(callback) };
  },
};
const IDLE_MS = 65_000;
const REQUEST_MS = 300_000;

function running(ms: number): (() => void)[] {
  return [...timers].flatMap(([callback, length]) => (length === ms ? [callback] : []));
}

let listener: HttpListener;
let session: ClientHttp2Session;
let answered = 0;

beforeEach(async () => {
  timers.clear();
  answered = 0;
  listener = createHttpListener((request, response) => {
    let isWhole = true;
    request.once("aborted", () => (isWhole = false));
    request.resume().on("end", () => {
      if (!isWhole) return;
      answered++;
      response.end("ok");
    });
  }, clock);
  await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
  session = connect(`http://127.0.0.1:${(listener.server.address() as AddressInfo).port}`);
  session.on("error", () => undefined);
  await once(session, "remoteSettings");
});
afterEach(async () => {
  session.destroy();
  listener.destroyAll();
  await new Promise((resolve) => listener.server.close(resolve));
});

describe("HTTP/2 connections", () => {
  it("are let go when they have no request for a while, and not while they have one", async () => {
    await eventually("the idle time runs", () => running(IDLE_MS).length === 1);
    const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    await eventually("the idle time stands still", () => running(IDLE_MS).length === 0);
    stream.resume().end("body");
    await once(stream, "close");
    await eventually("the idle time runs again", () => running(IDLE_MS).length === 1);
    const closed = once(session, "close");
    running(IDLE_MS)[0]?.();
    await closed;
    expect(answered).toBe(1);
  });

  it("have their requests ended whose body does not come", async () => {
    const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    stream.on("error", () => undefined);
    stream.write("a part");
    await eventually("the time for the request runs", () => running(REQUEST_MS).length === 1);
    const closed = once(stream, "close");
    running(REQUEST_MS)[0]?.();
    await closed;
    expect(answered).toBe(0);
    const whole = session.request({ ":path": "/" });
    expect((await once(whole, "response"))[0][":status"]).toBe(200);
    await eventually("no request is waited for", () => running(REQUEST_MS).length === 0);
  });
});
