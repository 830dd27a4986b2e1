import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { TOKEN_ROTATION_CAPABILITY } from "../../src/protocol/headers.ts";
import { Result, RunnerPhase, type Task } from "../../src/protocol/messages.ts";
import { createRunnerClient, type RunnerClient } from "../../src/runner/client.ts";
import type { Outcome } from "../../src/runner/engine/job-event.ts";
import type { Credentials } from "../../src/runner/identify-calls.ts";
import { Poller } from "../../src/runner/poller.ts";
import { takeTasks } from "../../src/runner/take-tasks.ts";
import { TaskSlots } from "../../src/runner/task-slots.ts";

/** Reports of one job while it runs. */
const REPORTS = 4;
const BETWEEN_REPORTS_MS = 100;

/** Runners that use our runner's way to the server, half of them by streams and half by polls, with jobs of no content. */
export interface RotatingFleet extends AsyncDisposable {
  readonly ids: readonly number[];
  /** How often each task was run, by its id. */
  readonly played: ReadonlyMap<string, number>;
  /** Calls about jobs that were refused for good. */
  readonly failures: readonly string[];
  /** Runners that gave up because the server did not know them. */
  readonly ended: number;
  /** Runners that use another token than at first. */
  readonly renewed: number;
}

/** Registers `count` runners with the label `linux` and lets them take jobs. */
export async function rotatingFleet(address: string, registrationToken: string, count: number): Promise<RotatingFleet> {
  await using stack = new AsyncDisposableStack();
  const stop = new AbortController();
  const state = {
    ids: [] as number[],
    played: new Map<string, number>(),
    failures: [] as string[],
    ended: 0,
    renewed: 0,
  };
  const runners: Promise<void>[] = [];
  stack.defer(async () => {
    stop.abort();
    await Promise.all(runners);
  });
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const credentials: Credentials = { uuid: "", token: "" };
      const anonymous = stack.use(createRunnerClient({ address, version: "fleet" }));
      const about = { name: `fleet ${index}`, token: registrationToken, labels: ["linux"], version: "fleet" };
      const capabilities = ["cancelling", TOKEN_ROTATION_CAPABILITY];
      const { runner } = await anonymous.runner.register({ ...about, capabilities });
      if (runner === undefined) throw new Error("the server registered nothing");
      Object.assign(credentials, { uuid: runner.uuid, token: runner.token });
      state.ids.push(Number(runner.id));
      const client = stack.use(createRunnerClient({ address, identity: credentials, version: "fleet" }));
      runners.push(run(client, credentials, index % 2 === 0, state, stop.signal));
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const owned = stack.move();
  return Object.assign(state, { [Symbol.asyncDispose]: () => owned.disposeAsync() });
}

type State = { played: Map<string, number>; failures: string[]; ended: number; renewed: number };

async function run(
  client: RunnerClient,
  credentials: Credentials,
  streams: boolean,
  state: State,
  signal: AbortSignal,
) {
  const slots = new TaskSlots({ capacity: 1, run: (task) => play(client, task, state), logger: silentLogger });
  const common = { client, slots, clock: systemClock, ids: systemIds, logger: silentLogger };
  const pace = { fetchTimeoutMs: 5_000, parks: true, intervalMs: 100, intervalMaxMs: 1_000 };
  const poller = new Poller({ ...common, ...pace });
  const report = async () => {
    const about = { phase: RunnerPhase.READY, runningTaskIds: slots.held };
    const { token } = await client.status.report(about, { timeoutMs: 10_000, signal });
    if (token !== undefined) onToken(token.token);
  };
  const onToken = (token: string) => {
    if (token === credentials.token) return;
    credentials.token = token;
    state.renewed += 1;
    // Any call confirms it.
    void report().catch(() => undefined);
  };
  const reporting = (async () => {
    while (!signal.aborted) {
      await report().catch(() => undefined);
      await systemClock.sleep(1_000, { signal }).catch(() => undefined);
    }
  })();
  const taking = { ...common, poller, onToken, token: () => credentials.token };
  const end = streams ? await takeTasks(taking, { signal }) : await poller.run({ signal });
  if (end === "unregistered") state.ended += 1;
  await slots.drain();
  await reporting;
}

async function play(client: RunnerClient, { id }: Task, state: State): Promise<Outcome> {
  state.played.set(String(id), (state.played.get(String(id)) ?? 0) + 1);
  const time = () => timestampFromMs(systemClock.now());
  try {
    for (let row = 0; row < REPORTS; row++) {
      await client.runner.updateTask({ state: { id, startedAt: time() } });
      await client.runner.updateLog({
        taskId: id,
        index: BigInt(row),
        rows: [{ time: time(), content: `row ${row}` }],
      });
      await systemClock.sleep(BETWEEN_REPORTS_MS, {});
    }
    await client.runner.updateLog({ taskId: id, index: BigInt(REPORTS), noMore: true });
    await client.runner.updateTask({ state: { id, result: Result.SUCCESS, stoppedAt: time() } });
    return "success";
  } catch (error) {
    state.failures.push(`task ${id}: ${error}`);
    return "failure";
  }
}
