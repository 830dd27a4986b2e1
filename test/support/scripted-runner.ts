import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../../src/protocol/headers.ts";
import { Result, RunnerService, StepStateSchema, type Task } from "../../src/protocol/messages.ts";

/** How a scripted job goes. */
interface JobScript {
  /** @default SUCCESS */
  readonly result?: Result;
  /** @default none */
  readonly outputs?: Readonly<Record<string, string>>;
  /** @default one row that names the task */
  readonly rows?: readonly string[];
}

/** A runner that speaks the real protocol and does nothing but what the test says. */
export interface ScriptedRunner {
  readonly client: Client<typeof RunnerService>;
  /** Headers that say who it is. */
  readonly identity: Readonly<Record<string, string>>;
  /** Waits for the next task, at most `waitMs`; undefined when there was none. */
  fetch(waitMs?: number): Promise<Task | undefined>;
  /** Sends rows from an index on. */
  log(task: Task, index: number, rows: readonly string[], noMore?: boolean): Promise<void>;
  /** Reports a task as running with its first step, or as ended; returns what the server says about it. */
  report(task: Task, state: { result?: Result; outputs?: Readonly<Record<string, string>> }): Promise<Result>;
  /** Does a whole task. */
  play(task: Task, script?: JobScript): Promise<void>;
}

/** Registers a runner with a registration token and declares its labels. */
export async function scriptedRunner(
  url: string,
  registrationToken: string,
  options: { labels?: readonly string[]; name?: string; capabilities?: readonly string[] } = {},
): Promise<ScriptedRunner> {
  const { labels = ["linux"], name = "scripted", capabilities = ["cancelling"] } = options;
  const identity: Record<string, string> = {};
  const identify: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(identity)) request.header.set(name, value);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: `${url}/api/actions`,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [identify],
  });
  const client = createClient(RunnerService, transport);
  const { runner } = await client.register({ name, token: registrationToken, labels: [...labels], version: "test" });
  if (runner === undefined) throw new Error("the server registered nothing");
  Object.assign(identity, { [RUNNER_UUID_HEADER]: runner.uuid, [RUNNER_TOKEN_HEADER]: runner.token });
  await client.declare({ labels: [...labels], version: "test", capabilities: [...capabilities] });
  const self: ScriptedRunner = {
    client,
    identity,
    async fetch(waitMs = 5_000) {
      return (await client.fetchTask({ tasksVersion: 0n }, { timeoutMs: waitMs })).task;
    },
    async log(task, index, rows, noMore = false) {
      const time = timestampFromMs(Date.now());
      await client.updateLog({
        taskId: task.id,
        index: BigInt(index),
        rows: rows.map((content) => ({ time, content })),
        noMore,
      });
    },
    async report(task, { result = Result.UNSPECIFIED, outputs = {} }) {
      const now = timestampFromMs(Date.now());
      const ended = result === Result.UNSPECIFIED ? {} : { stoppedAt: now };
      const step = create(StepStateSchema, { id: 0n, result, startedAt: now, logIndex: 0n, logLength: 1n, ...ended });
      const answer = await client.updateTask({
        state: { id: task.id, result, startedAt: now, steps: [step], ...ended },
        outputs: { ...outputs },
      });
      return answer.state?.result ?? Result.UNSPECIFIED;
    },
    async play(task, { result = Result.SUCCESS, outputs = {}, rows = [`task ${task.id}`] } = {}) {
      await self.report(task, {});
      await self.log(task, 0, rows, true);
      await self.report(task, { result, outputs });
    },
  };
  return self;
}
