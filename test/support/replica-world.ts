import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  RunnerService,
  RunnerStatusService,
  type StreamTasksResponse,
  TaskStreamService,
} from "../../src/protocol/messages.ts";
import type { ServerParts } from "../../src/server/server.ts";
import type { ServerOptions } from "../../src/server/server-options.ts";
import { type GitRepository, gitRepository } from "./git-repository.ts";
import { sharedMariadb } from "./mariadb.ts";
import { type TestServer, testServer } from "./test-server.ts";

/** A runner's uuid and token. */
export interface Identity {
  readonly uuid: string;
  readonly token: string;
  readonly id: number;
}

/** The services that a runner calls at one server. */
export interface RunnerClients {
  readonly tasks: Client<typeof RunnerService>;
  readonly stream: Client<typeof TaskStreamService>;
  readonly status: Client<typeof RunnerStatusService>;
}

/** Several servers on one MariaDB with the repository `olga/app`, whose workflow has one job for runners with a label. */
export interface ReplicaWorld extends AsyncDisposable {
  readonly servers: readonly TestServer[];
  readonly registrationToken: string;
  readonly databaseUrl: string;
  /** Starts one more server on the database. */
  open(options?: ServerOptions, parts?: ServerParts): Promise<TestServer>;
  register(server: TestServer, label: string, more?: { ephemeral?: boolean }): Promise<Identity>;
  /** Starts a run at a server; returns its id. */
  submit(server: TestServer, label: string): Promise<number>;
}

const WORKFLOW = `on:
  workflow_dispatch:
    inputs:
      label: { required: true }
jobs:
  work:
    runs-on: \${{ inputs.label }}
    steps:
      - run: echo work
`;

/** Starts `count` servers on a fresh database. Needs MariaDB. */
export async function replicaWorld(
  count: number,
  options: ServerOptions = {},
  partsOf: (index: number) => ServerParts = () => ({}),
): Promise<ReplicaWorld> {
  await using stack = new AsyncDisposableStack();
  const origin: GitRepository = stack.use(await gitRepository({ ".gitea/workflows/work.yml": WORKFLOW }));
  const databaseUrl = await (await sharedMariadb()).createDatabase();
  const shared = {
    ...{ databaseUrl, repoRoot: origin.root, serverKey: "the server key that all replicas share, long enough" },
    ...{ databasePool: 4, ...options },
  };
  const open: ReplicaWorld["open"] = async (more, parts) => stack.use(await testServer({ ...shared, ...more }, parts));
  const servers: TestServer[] = [];
  for (let index = 0; index < count; index++) servers.push(await open({}, partsOf(index)));
  const [first] = servers;
  if (first === undefined) throw new Error("a world of replicas needs one of them");
  await first.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const { token } = (await first.admin.post("/admin/actions/runners/registration-token")).json;
  const owned = stack.move();
  return {
    ...{ servers, registrationToken: token, databaseUrl },
    open: async (more, parts) => owned.use(await testServer({ ...shared, ...more }, parts)),
    async register(server, label, { ephemeral = false } = {}) {
      const { tasks } = clientsOf(server.url);
      const about = { name: "r", token, labels: [label], version: "test", ephemeral };
      const { runner } = await tasks.register(about);
      if (runner === undefined) throw new Error("the server registered nothing");
      const identity = { uuid: runner.uuid, token: runner.token, id: Number(runner.id) };
      await clientsOf(server.url, identity).tasks.declare({
        ...{ labels: [label], version: "test", capabilities: ["cancelling"] },
      });
      return identity;
    },
    async submit(server, label) {
      const wanted = { repository: "olga/app", workflow: "work.yml", inputs: { label } };
      const made = await server.admin.post("/runs", wanted);
      if (made.status !== 201) throw new Error(`the run was refused: ${made.text}`);
      return made.json.id;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Speaks to a server as a runner; without an identity it may only register. */
export function clientsOf(url: string, identity?: Identity): RunnerClients {
  const identify: Interceptor = (next) => (request) => {
    request.header.set("x-runner-uuid", identity?.uuid ?? "");
    request.header.set("x-runner-token", identity?.token ?? "");
    return next(request);
  };
  const transport = createConnectTransport({
    ...{ baseUrl: `${url}/api/actions`, httpVersion: "1.1", useBinaryFormat: true, interceptors: [identify] },
  });
  return {
    tasks: createClient(RunnerService, transport),
    stream: createClient(TaskStreamService, transport),
    status: createClient(RunnerStatusService, transport),
  };
}

/** What a stream of tasks has brought so far. Disposing ends it. */
export class StreamReading implements AsyncDisposable {
  readonly messages: StreamTasksResponse["message"][] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor({ stream }: RunnerClients, capacity = 1, heldTaskIds: readonly bigint[] = []) {
    this.#done = this.#read(stream, capacity, heldTaskIds).catch(() => undefined);
  }

  /** The first message of a kind, if it came. */
  first<Kind extends string>(kind: Kind): Extract<StreamTasksResponse["message"], { case: Kind }> | undefined {
    type Found = Extract<StreamTasksResponse["message"], { case: Kind }>;
    return this.messages.find((message): message is Found => message.case === kind);
  }

  async #read(stream: RunnerClients["stream"], capacity: number, held: readonly bigint[]): Promise<void> {
    const request = { capacity, heldTaskIds: [...held] };
    for await (const { message } of stream.streamTasks(request, { signal: this.#abort.signal })) {
      this.messages.push(message);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}
