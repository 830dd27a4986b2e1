import { type Clock, systemClock } from "../../src/lib/clock.ts";

/** A clock that goes faster than that of the machine, beginning now. Waits of the machine itself (sockets) stay as long. */
export function fastClock(factor: number): Clock {
  const begin = systemClock.now();
  return {
    now: () => Math.round(begin + (systemClock.now() - begin) * factor),
    sleep: (ms, options) => systemClock.sleep(Math.ceil(ms / factor), options),
    timer: (ms, callback) => systemClock.timer(Math.ceil(ms / factor), callback),
  };
}
