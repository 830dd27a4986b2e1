import { expect, it } from "vitest";
import type { ProtocolServices } from "../../src/server/services/protocol-services.ts";
import type { Store, WriteTables } from "../../src/server/storage/store.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";

/** So many seeds have to be enough to see what is broken. */
const WITHIN = 60;
const TIMEOUT_MS = 120_000;

/** What is broken on purpose, and what the simulation says of it. */
const MUTATIONS: readonly {
  readonly what: string;
  readonly break: Pick<SimulationOptions, "breakStore" | "breakServices">;
  readonly says: RegExp;
}[] = [
  {
    what: "a run's row is not locked, and jobs are changed without a compare-and-set",
    break: tables((tx) => ({
      runs: { lock: (id: number) => tx.runs.get(id) },
      jobs: { update: (id: number, _from: unknown, patch: object) => tx.jobs.update(id, ALL, patch) },
    })),
    says: /was open|had ended|is stuck|not one of|was made/,
  },
  {
    what: "reports do not keep a task",
    break: { breakServices: ({ openTasks }) => void Object.assign(openTasks, { heartbeat: async () => {} }) },
    says: /was given up/,
  },
  {
    what: "a task that a runner was given goes back at once",
    break: { breakServices: givingBack },
    says: /given back before its lease lapsed/,
  },
  {
    what: "leases of tasks that nobody took never lapse",
    break: { breakServices: ({ leaseKeeper }) => void Object.assign(leaseKeeper, { tick: async () => {} }) },
    says: /is stuck|thinks that/,
  },
  {
    what: "a second runner is given the job of a runner that reports late",
    break: tables((tx) => ({
      tasks: {
        update: (id: number, patch: { status?: string }) =>
          tx.tasks.update(id, patch.status === "success" ? { ...patch, cause: "runner_lost" } : (patch as object)),
      },
    })),
    says: /was told|was given up|was made|had ended/,
  },
  {
    what: "an ended task can end again",
    break: tables((tx) => ({
      tasks: {
        get: async (id: number) => {
          const task = await tx.tasks.get(id);
          return task === undefined ? undefined : { ...task, status: "running" as const };
        },
      },
    })),
    says: /had ended/,
  },
  {
    what: "log rows that are sent again are stored again",
    break: logs((store) => ({
      append: async (taskId: number, _index: number, rows: never) =>
        await store.logs.append(taskId, (await store.logs.state(taskId)).rows, rows),
    })),
    says: /the log of task|rows of task/,
  },
  {
    what: "log rows are acknowledged before they are stored",
    break: logs((store) => ({
      append: (taskId: number, index: number, rows: { count: number }) => {
        void store.logs.append(taskId, index, rows as never).catch(() => undefined);
        return Promise.resolve(index + rows.count);
      },
    })),
    says: /the log of task|rows of task/,
  },
  {
    what: "an ephemeral runner is not deleted after its task",
    break: tables(() => ({ runners: { delete: async () => true } })),
    says: /ephemeral runner/,
  },
  {
    what: "tasks beside the first of an answer go back at once",
    break: { breakServices: givingBackMore },
    says: /given back before its lease lapsed/,
  },
  {
    what: "a runner's old token ends when the new one is made",
    break: tables((tx) => ({
      runners: { offerToken: (id: number, token: never) => tx.runners.offerToken(id, token, 1) },
    })),
    says: /was refused, though it has a token that works/,
  },
  {
    what: "a new token never takes the place of the old one",
    break: tables(() => ({ runners: { confirmToken: async () => true } })),
    says: /was refused, though|not everything has ended: the rotation/,
  },
  {
    what: "a periodic job takes every task for an endless one",
    break: {
      breakStore: (store) => {
        const listOpen = async (after: number, limit: number) =>
          (await store.read.tasks.listOpen(after, limit)).map((task) => ({ ...task, startedAt: 0 }));
        const tasks = replacing(store.read.tasks, { listOpen });
        return replacing(store, { read: replacing(store.read, { tasks }) });
      },
    },
    says: /was ended as endless/,
  },
  {
    what: "a cancel is taken and forgotten",
    break: { breakServices: ({ cancelJobs }) => void Object.assign(cancelJobs, { cancel: async () => {} }) },
    says: /was cancelled/,
  },
];

const ALL = ["blocked", "waiting", "running", "cancelling", "success", "failure", "cancelled", "skipped"] as const;

it.skipIf(process.env["SIMULATION_SEED"] !== undefined).each(MUTATIONS)(
  "sees within a few seeds that $what",
  { timeout: TIMEOUT_MS },
  async ({ break: broken, says }) => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= WITHIN; seed++) {
      const { breaches } = await simulate(seed, { replicas: 3, ...broken });
      if (breaches.some((breach) => says.test(breach))) return;
      for (const breach of breaches) seen.add(breach);
    }
    expect.unreachable(`nothing of it was seen in ${WITHIN} seeds; seen: ${[...seen].slice(0, 5).join("; ")}`);
  },
);

/** Replaces methods of tables inside of transactions. */
function tables(broken: (tx: WriteTables) => Readonly<Record<string, object>>): Pick<SimulationOptions, "breakStore"> {
  return {
    breakStore: (store) =>
      replacing(store, {
        write: (work: (tx: WriteTables) => Promise<unknown>) =>
          store.write((tx) => {
            const replaced: Record<string, object> = {};
            for (const [name, methods] of Object.entries(broken(tx)))
              replaced[name] = replacing(tx[name as keyof WriteTables], methods);
            return work(replacing(tx, replaced));
          }),
      }),
  };
}

/** Replaces methods of the log store. */
function logs(broken: (store: Store) => object): Pick<SimulationOptions, "breakStore"> {
  return { breakStore: (store) => replacing(store, { logs: replacing(store.logs, broken(store)) }) };
}

/** The same thing with some other methods. */
function replacing<T extends object>(thing: T, others: object): T {
  return new Proxy(thing, {
    get(target, name) {
      const value: unknown = Reflect.get(name in others ? others : target, name);
      return typeof value === "function" && !(name in others) ? value.bind(target) : value;
    },
  });
}

function givingBack({ assignTask }: ProtocolServices): void {
  const fetch = assignTask.fetch.bind(assignTask);
  assignTask.fetch = async (runner, call) => {
    const answer = await fetch(runner, call);
    if (answer.payload !== undefined) void assignTask.giveBack(answer.payload.id).catch(() => undefined);
    return answer;
  };
}

function givingBackMore({ assignTask }: ProtocolServices): void {
  const more = assignTask.more.bind(assignTask);
  assignTask.more = async (...call) => {
    const payloads = await more(...call);
    for (const { id } of payloads) void assignTask.giveBack(id).catch(() => undefined);
    return payloads;
  };
}
