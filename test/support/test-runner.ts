import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../src/drivers/machine/machine.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { type LogFn, silentLogger } from "../../src/lib/logger.ts";
import { compileConfig, type RunnerConfig } from "../../src/runner/config.ts";
import { defaultSpoolFolder, type RunnerEnd, runDaemon } from "../../src/runner/daemon.ts";
import { machineExecutors } from "../../src/runner/machine-executors.ts";
import { register } from "../../src/runner/register.ts";

/** Our real runner in this process, with a folder of its own; its jobs run on the host. Disposing stops it, jobs too. */
export interface TestRunner extends AsyncDisposable {
  readonly uuid: string;
  /** What it has logged: sentence and fields. */
  readonly said: readonly { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  /** Takes no more work. */
  stop(): void;
  /** Settles when it has ended by itself or after `stop`. */
  readonly ended: Promise<RunnerEnd>;
}

/** Registers a runner at an address and starts it. @param given.label taken as `label:host` */
export async function testRunner(given: {
  readonly url: string;
  readonly registrationToken: string;
  readonly label: string;
  readonly config?: Partial<RunnerConfig>;
  readonly clock?: Clock;
}): Promise<TestRunner> {
  const { url, registrationToken: token, label, clock = systemClock } = given;
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "test-runner-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const config: RunnerConfig = {
    ...compileConfig({}).config,
    runnerFile: join(folder, ".runner"),
    hostWorkdirParent: join(folder, "work"),
    ...given.config,
  };
  const [stop, kill] = [new AbortController(), new AbortController()];
  const common = { clock, ids: systemIds, version: "test" };
  const identity = await register({
    ...{ instance: url, token, name: label, labels: [`${label}:host`], file: config.runnerFile, signal: stop.signal },
    ...{ ...common, logger: silentLogger },
  });
  const said: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const say: LogFn = (fields, message) => void said.push({ message, fields });
  const logger = { debug: say, info: say, warn: say, error: say };
  const environment = { PATH: process.env["PATH"], HOME: folder, DOCKER_HOST: "unix:///nowhere/docker.sock" };
  const ended = runDaemon({
    ...{ ...common, config, logger, stop: stop.signal, kill: kill.signal },
    executors: machineExecutors({ config, environment, clock, logger }),
    spoolFolder: defaultSpoolFolder(config.runnerFile),
    machine: new Machine({ env: { PATH: process.env["PATH"] }, folder, clock }),
  });
  ended.catch(() => undefined);
  cleanup.defer(async () => {
    stop.abort();
    kill.abort();
    await ended.catch(() => undefined);
  });
  const owned = cleanup.move();
  return {
    uuid: identity.uuid,
    said,
    ended,
    stop: () => stop.abort(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
