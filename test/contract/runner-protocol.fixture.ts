import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Client, createClient, createContextValues, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { PingService, RunnerService } from "../../src/protocol/messages.ts";
import { remoteAddressKey } from "../../src/server/connect/remote-address.ts";
import { runnerRoutes } from "../../src/server/connect/routes.ts";
import type { Repository } from "../../src/server/domain/account.ts";
import type { Job, Run } from "../../src/server/domain/run.ts";
import { type ProtocolServices, protocolServices } from "../../src/server/services/protocol-services.ts";
import { RunDefinitions } from "../../src/server/services/run-definitions.ts";
import type { RunnerTokenSettings } from "../../src/server/services/runner-tokens.ts";
import { deriveServerKeys } from "../../src/server/services/server-keys.ts";
import { WorkflowGraph } from "../../src/server/services/workflow-graph.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { sameThread } from "../support/same-thread.ts";
import { type StoreKind, storeKinds } from "../support/stores.ts";

const PUBLIC_URL = "http://ci.example";

const SQLITE = storeKinds[0] as StoreKind;

/** A workflow of two jobs, one of which needs the other. */
const SOURCE = `name: demo
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - name: Say hello
        run: echo hello
      - uses: actions/checkout@v4
  test:
    needs: build
    runs-on: linux
    steps:
      - run: echo tested
`;

type JobPatch = Partial<Pick<Job, "leg" | "runsOn" | "priority" | "key" | "needs" | "status">>;
type RunPatch = Partial<Pick<Run, "event" | "eventPayload" | "ref">>;

/** A server of the runner protocol with a real store, without HTTP. */
export interface ProtocolSubject extends AsyncDisposable {
  readonly store: Store;
  readonly services: ProtocolServices;
  readonly repository: Repository;
  /** Makes a run with `count` waiting jobs, and tells the dispatcher. */
  addJobs(count: number, options?: JobPatch, run?: RunPatch, place?: Repository): Promise<readonly Job[]>;
  /** Makes another repository of the same owner. */
  addRepository(name: string): Promise<Repository>;
}

/** Opens a subject in a folder of its own. */
export async function openSubject(
  options: {
    readonly kind?: StoreKind;
    readonly clock?: Clock;
    readonly wrapStore?: (store: Store) => Store;
    readonly tokens?: RunnerTokenSettings;
  } = {},
): Promise<ProtocolSubject> {
  await using stack = new AsyncDisposableStack();
  const clock = options.clock ?? systemClock;
  const place = stack.use(await (options.kind ?? SQLITE).create());
  const opened = stack.use(await place.open({ clock }));
  const store = options.wrapStore?.(opened) ?? opened;
  const services = stack.use(servicesOn(store, clock, options.tokens));
  const repository = await makeRepository(opened, clock);
  await services.start();
  const owned = stack.move();
  return {
    store,
    services,
    repository,
    addRepository: (name) =>
      opened.write((tx) =>
        tx.repositories.insert(
          {
            ...{ ownerId: repository.ownerId, name, cloneUrl: "/srv/other.git" },
            ...{ defaultBranch: "main", createdAt: clock.now() },
          },
          null,
        ),
      ),
    addJobs: async (count, patch = {}, run = {}, place = repository) => {
      const jobs = await insertJobs(opened, place, clock.now(), { count, patch, run });
      services.dispatcher.jobsReady(jobs.filter((job) => job.status === "waiting"));
      return jobs;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The services of one more server on a store. */
export function servicesOn(store: Store, clock: Clock, tokens?: RunnerTokenSettings): ProtocolServices {
  const definitions = new RunDefinitions(sameThread);
  return protocolServices({
    ...{ store, clock, definitions, threads: sameThread },
    ...(tokens === undefined ? {} : { tokens }),
    graph: new WorkflowGraph({ definitions, publicUrl: () => PUBLIC_URL, groupsMoved: () => {} }),
    ids: systemIds,
    log: silentLogger,
    keys: deriveServerKeys("a server key for tests, 32 characters"),
    settings: { publicUrl: () => PUBLIC_URL, serverVersion: "0.0.0-test" },
  });
}

async function makeRepository(store: Store, clock: Clock): Promise<Repository> {
  return await store.write(async (tx) => {
    const owner = await tx.accounts.insert({ name: "octo", kind: "org", createdAt: clock.now() });
    return await tx.repositories.insert(
      { ownerId: owner.id, name: "demo", cloneUrl: "/srv/demo.git", defaultBranch: "main", createdAt: clock.now() },
      null,
    );
  });
}

async function insertJobs(
  store: Store,
  repository: Repository,
  now: number,
  { count, patch, run: more }: { readonly count: number; readonly patch: JobPatch; readonly run: RunPatch },
): Promise<readonly Job[]> {
  return await store.write(async (tx) => {
    const run = await tx.runs.insert(
      {
        repositoryId: repository.id,
        ownerId: repository.ownerId,
        attempt: 1,
        workflowPath: ".gitea/workflows/demo.yml",
        workflowName: "demo",
        title: "a commit",
        event: "push",
        eventPayload: { ref: "refs/heads/main" },
        ref: "refs/heads/main",
        sha: "0123456789012345678901234567890123456789",
        actorId: repository.ownerId,
        actorName: "octo",
        status: "waiting",
        createdAt: now,
        startedAt: null,
        stoppedAt: null,
        ...more,
      },
      SOURCE,
    );
    const job = {
      runId: run.id,
      repositoryId: repository.id,
      ownerId: repository.ownerId,
      key: "build",
      name: "build",
      needs: [],
      runsOn: ["linux"],
      leg: { name: "build", runsOn: ["linux"], matrix: {}, index: 0, total: 1, failFast: true, continueOnError: false },
      attempt: 1,
      delivery: 0,
      status: "waiting" as const,
      cause: null,
      message: null,
      continueOnError: false,
      taskId: null,
      priority: 0,
      outputs: {},
      reservation: null,
      createdAt: now,
      readyAt: now,
      startedAt: null,
      stoppedAt: null,
      ...patch,
    };
    return await tx.jobs.insertMany(Array.from({ length: count }, () => job));
  });
}

/** A subject behind a real Connect server on port 0. */
export interface ProtocolServer extends ProtocolSubject {
  readonly url: string;
  /** A client without identity, or with that of a runner. */
  client(identity?: { uuid: string; token: string }, format?: "proto" | "json"): Client<typeof RunnerService>;
  ping(): Client<typeof PingService>;
  /** Registers a runner at the server's scope. */
  register(options?: {
    labels?: string[];
    ephemeral?: boolean;
    capabilities?: string[];
    headers?: Record<string, string>;
  }): Promise<{
    client: Client<typeof RunnerService>;
    uuid: string;
    token: string;
  }>;
}

/** Opens a subject and serves it. */
export async function openServer(options: Parameters<typeof openSubject>[0] = {}): Promise<ProtocolServer> {
  await using stack = new AsyncDisposableStack();
  const subject = stack.use(await openSubject(options));
  const handler = connectNodeAdapter({
    routes: runnerRoutes({ services: subject.services, log: silentLogger }),
    requestPathPrefix: "/api/actions",
    contextValues: (request) => createContextValues().set(remoteAddressKey, request.socket?.remoteAddress ?? ""),
  });
  const http = createServer(handler);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  stack.defer(async () => {
    subject.services.stop();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const transport = (identity: { uuid: string; token: string } | undefined, json: boolean) =>
    createConnectTransport({
      baseUrl: `${url}/api/actions`,
      httpVersion: "1.1",
      useBinaryFormat: !json,
      interceptors: identity === undefined ? [] : [withIdentity(identity)],
    });
  const client: ProtocolServer["client"] = (identity, format = "proto") =>
    createClient(RunnerService, transport(identity, format === "json"));
  const owned = stack.move();
  return {
    ...subject,
    url,
    client,
    ping: () => createClient(PingService, transport(undefined, false)),
    register: async ({ labels = ["linux"], ephemeral = false, capabilities = ["cancelling"], headers = {} } = {}) => {
      const token = await subject.services.registrationTokens.current(
        { kind: "global" },
        { accountId: null, address: null },
      );
      const request = { name: "r", token, version: "1", labels, ephemeral, capabilities };
      const { runner } = await client().register(request, { headers });
      if (runner === undefined) throw new Error("the answer to Register has no runner");
      return { client: client(runner), uuid: runner.uuid, token: runner.token };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function withIdentity({ uuid, token }: { uuid: string; token: string }): Interceptor {
  return (next) => (request) => {
    request.header.set("x-runner-uuid", uuid);
    request.header.set("x-runner-token", token);
    return next(request);
  };
}
