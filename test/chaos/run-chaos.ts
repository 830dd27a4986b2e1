import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "../support/seeded-random.ts";
import { StockRunner, type StockRunnerEntry } from "../support/stock-runner.ts";
import type { ChaosOptions } from "./chaos-options.ts";
import { type ChaosWorld, chaosWorld } from "./chaos-world.ts";
import { killReplicas, stopDatabase, type TroubleFigures } from "./trouble.ts";

/** What happened, and what should not have happened. */
export interface ChaosResult {
  readonly figures: Readonly<Record<string, number>>;
  /** Sentences; none when everything is as it should be. */
  readonly problems: readonly string[];
}

/** Rows that a task says; the second batch is empty, as most reports of stock runners are. */
function batchesOf(task: { readonly id: bigint }): string[][] {
  const rows = (from: number, count: number) => Array.from({ length: count }, (_, row) => `${task.id} ${from + row}`);
  return [rows(0, 20), [], rows(20, 5)];
}

/**
 * Pollers that behave like stock runners do jobs on several replicas while connections break, answers are lost, replicas
 * are killed and the database is away; afterwards what the clients have seen is compared with what is stored.
 */
export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosResult> {
  const random = seededRandom(options.seed);
  await using world = await chaosWorld(options, random);
  say(`${options.replicas} replicas run; registering ${options.pollers} runners`);
  const identities = await world.register(options.pollers);
  const journal: StockRunnerEntry[] = [];
  const accepted = () => journal.filter(({ what }) => what === "accepted").length;
  const trouble: TroubleFigures = { kills: 0, failedStarts: 0, databaseAwayMs: 0 };
  const [stop, calm] = [new AbortController(), new AbortController()];
  await using pollers = new AsyncDisposableStack();
  const { tickMs, aborts } = options;
  const begin = performance.now();
  const running = identities.map((identity) => {
    const common = { url: world.proxy.url, identity, batches: batchesOf, tickMs, aborts, random };
    const runner = pollers.use(
      new StockRunner({ ...common, resultFirst: random() < 0.5, journal: (entry) => journal.push(entry) }),
    );
    return runner.run({ signal: stop.signal });
  });
  pollers.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  // Before the trouble: a submission that fails half-way may have made a run or not.
  await world.submit(options.jobs);
  say(`${options.jobs} jobs are submitted`);
  const given = { random, done: accepted, figures: trouble, signal: calm.signal };
  const troubles = [killReplicas(world, options, given), stopDatabase(world, options, given)];
  const problems: string[] = [];
  if (!(await allDone(world, options, accepted, say))) problems.push("the jobs did not all end in time");
  const seconds = (performance.now() - begin) / 1_000;
  calm.abort();
  await Promise.all(troubles);
  world.proxy.loss = 0;
  await settled(world, accepted);
  problems.push(...(await verify(world, options, journal)));
  const count = (what: StockRunnerEntry["what"]) => journal.filter((entry) => entry.what === what).length;
  const figures = {
    ...{ seed: options.seed, jobs: options.jobs, pollers: options.pollers, replicas: options.replicas },
    ...{ received: count("received"), forgotten: count("forgotten"), executed: count("executed") },
    ...{ accepted: count("accepted"), refused: count("refused"), answersLost: world.proxy.lost },
    ...{ ...trouble, seconds: Math.round(seconds), jobsPerSecond: Math.round((options.jobs / seconds) * 10) / 10 },
    problems: problems.length,
  };
  return { figures, problems };
}

/** Waits for the end of all jobs; false when it took too long. */
async function allDone(
  world: ChaosWorld,
  options: ChaosOptions,
  accepted: () => number,
  say: (line: string) => void,
): Promise<boolean> {
  const end = performance.now() + options.limitMs;
  for (let said = 0; performance.now() < end; ) {
    const rows = await world.query("SELECT status, COUNT(*) AS jobs FROM job GROUP BY status");
    const ended = rows?.filter(({ status }) => ENDED.has(status)).reduce((sum, { jobs }) => sum + Number(jobs), 0);
    if (ended === options.jobs) return true;
    if (performance.now() - said > 10_000) {
      said = performance.now();
      const states = rows?.map(({ status, jobs }) => `${jobs} ${status}`).join(", ") ?? "the database is away";
      say(`${accepted()} accepted; ${states}; ${world.proxy.lost} answers lost`);
    }
    await delay(500);
  }
  return false;
}

const ENDED: ReadonlySet<string> = new Set(["success", "failure", "cancelled", "skipped"]);

/** Waits until the pollers have had the last answers, at most a minute. */
async function settled(world: ChaosWorld, accepted: () => number): Promise<void> {
  const [row] = (await world.query("SELECT COUNT(*) AS tasks FROM task WHERE status = 'success'")) ?? [];
  for (let waited = 0; accepted() < Number(row?.tasks ?? 0) && waited < 60_000; waited += 200) await delay(200);
  // Those that send the result first still have the end of a log to send.
  await delay(3_000);
}

async function verify(
  world: ChaosWorld,
  options: ChaosOptions,
  journal: readonly StockRunnerEntry[],
): Promise<string[]> {
  const problems: string[] = [];
  const jobs = (await world.query("SELECT id, status, task_id FROM job")) ?? [];
  const tasks = (await world.query("SELECT id, job_id, status, cause FROM task")) ?? [];
  if (jobs.length !== options.jobs) problems.push(`there are ${jobs.length} jobs instead of ${options.jobs}`);
  const acceptedTasks = new Map<string, number>();
  for (const { what, task } of journal) {
    if (what === "accepted") acceptedTasks.set(String(task), (acceptedTasks.get(String(task)) ?? 0) + 1);
  }
  const jobOfTask = new Map(tasks.map(({ id, job_id }) => [String(id), Number(job_id)]));
  const successes = Map.groupBy(
    tasks.filter(({ status }) => status === "success"),
    ({ job_id }) => Number(job_id),
  );
  const answered = Map.groupBy(acceptedTasks.keys(), (task) => jobOfTask.get(task));
  for (const { id, status, task_id: taskId } of jobs) {
    if (status !== "success") problems.push(`job ${id} ended as ${status}`);
    const won = successes.get(Number(id)) ?? [];
    if (won.length !== 1) problems.push(`job ${id} has ${won.length} successful tasks`);
    const told = answered.get(Number(id)) ?? [];
    if (told.length !== 1) problems.push(`the clients were told of ${told.length} accepted executions of job ${id}`);
    if (told[0] !== String(taskId)) problems.push(`job ${id} has task ${taskId}, its client was told of ${told[0]}`);
  }
  for (const [task, times] of acceptedTasks) if (times > 1) problems.push(`task ${task} was done ${times} times`);
  for (let at = 0; at < jobs.length; at += 16) {
    const some = jobs.slice(at, at + 16).filter(({ task_id: taskId }) => taskId !== null);
    await Promise.all(
      some.map(async ({ id, task_id: taskId }) => {
        const rows = await world.logOf(Number(id));
        const expected = batchesOf({ id: BigInt(taskId) }).flat();
        if (rows.join("\n") !== expected.join("\n")) {
          problems.push(`the log of job ${id} has ${rows.length} rows, not the ${expected.length} of task ${taskId}`);
        }
      }),
    );
  }
  return problems;
}
