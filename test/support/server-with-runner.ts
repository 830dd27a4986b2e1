import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../src/drivers/machine/machine.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { compileConfig } from "../../src/runner/config.ts";
import { defaultSpoolFolder, type RunnerParts, runDaemon } from "../../src/runner/daemon.ts";
import { machineExecutors } from "../../src/runner/machine-executors.ts";
import { register } from "../../src/runner/register.ts";
import type { ServerOptions } from "../../src/server/server-options.ts";
import { eventually } from "./eventually.ts";
import { type GitRepository, gitRepository } from "./git-repository.ts";
import { type TestServer, testServer } from "./test-server.ts";

/** A run that has ended. */
export interface EndedRun {
  readonly id: number;
  readonly conclusion: string;
  /** Logs of all jobs, one after another. */
  readonly log: string;
  readonly jobs: readonly { readonly id: number; readonly name: string; readonly conclusion: string }[];
}

/** A real server with the repository olga/app and a real runner with the label `linux`, both on this machine. */
export interface ServerWithRunner extends AsyncDisposable {
  readonly server: TestServer;
  readonly origin: GitRepository;
  /** Submits the workflow file and waits for the end. */
  run(workflow: string, more?: object): Promise<EndedRun>;
}

/** How they are started. */
export interface ServerWithRunnerOptions {
  /** Files of the repository. */
  readonly files: Readonly<Record<string, string>>;
  readonly server?: ServerOptions;
  /** Keys of the runner's configuration. */
  readonly config?: Readonly<Record<string, string>>;
  readonly labels?: readonly string[];
  readonly parts?: (folder: string) => Partial<RunnerParts>;
}

/** Starts them. */
export async function serverWithRunner(options: ServerWithRunnerOptions): Promise<ServerWithRunner> {
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await gitRepository());
  await origin.commit(options.files);
  const server = stack.use(await testServer({ repoRoot: origin.root, ...options.server }));
  await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const folder = await mkdtemp(join(tmpdir(), "server-runner-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const stop = new AbortController();
  const parts = runnerParts(folder, stop.signal, options);
  const { token } = (await server.admin.post("/admin/actions/runners/registration-token")).json;
  const labels = options.labels ?? ["linux:host"];
  const { clock, ids, logger, version } = parts;
  const file = parts.config.runnerFile;
  await register({
    instance: server.url,
    token,
    name: "one",
    labels,
    file,
    version,
    clock,
    ids,
    logger,
    signal: stop.signal,
  });
  const ended = runDaemon({ ...parts, ...options.parts?.(folder) });
  stack.defer(async () => {
    stop.abort();
    await ended;
  });
  const owned = stack.move();
  return {
    ...{ server, origin },
    run: (workflow, more) => runToEnd(server, workflow, more),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function runnerParts(folder: string, stop: AbortSignal, { config: flags = {} }: ServerWithRunnerOptions): RunnerParts {
  const runnerFile = join(folder, ".runner");
  const config = {
    ...compileConfig({ flags }).config,
    runnerFile,
    fetchIntervalMs: 10,
    heartbeatMs: 100,
    logLatencyMs: 20,
  };
  const environment = { PATH: process.env["PATH"], DOCKER_HOST: "unix:///nowhere/docker.sock" };
  return {
    ...{ config, version: "9.9.9", clock: systemClock, ids: systemIds, logger: silentLogger, stop },
    executors: machineExecutors({ config, environment, clock: systemClock, logger: silentLogger }),
    spoolFolder: defaultSpoolFolder(runnerFile),
    machine: new Machine({ env: environment, folder, clock: systemClock }),
  };
}

async function runToEnd(server: TestServer, workflow: string, more: object = {}): Promise<EndedRun> {
  const made = await server.admin.post("/runs", { repository: "olga/app", workflow, ...more });
  if (made.status !== 201) throw new Error(made.text);
  const id = made.json.id as number;
  const actions = "/repos/olga/app/actions";
  await eventually(
    "the end of the run",
    async () => (await server.admin.get(`${actions}/runs/${id}`)).json.status === "completed",
    150_000,
  );
  const { conclusion } = (await server.admin.get(`${actions}/runs/${id}`)).json;
  const { jobs } = (await server.admin.get(`${actions}/runs/${id}/jobs`)).json;
  const logs = await Promise.all(
    jobs.map(async (job: { id: number }) => (await server.admin.get(`${actions}/jobs/${job.id}/logs`)).text),
  );
  return { id, conclusion, log: logs.join("\n"), jobs };
}
