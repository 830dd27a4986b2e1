import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../src/drivers/machine/machine.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { systemIds } from "../../src/lib/ids.ts";
import { type Logger, silentLogger } from "../../src/lib/logger.ts";
import { compileConfig } from "../../src/runner/config.ts";
import { defaultSpoolFolder, type RunnerEnd, type RunnerParts, runDaemon } from "../../src/runner/daemon.ts";
import { machineExecutors } from "../../src/runner/machine-executors.ts";
import { register } from "../../src/runner/register.ts";
import type { RunnerFile } from "../../src/runner/runner-file.ts";
import type { ServerOptions } from "../../src/server/server-options.ts";
import { eventually } from "./eventually.ts";
import { gitRepository } from "./git-repository.ts";
import { type TestServer, testServer } from "./test-server.ts";

/** A runner that runs in this process. Disposing stops it and waits for its end. */
export interface RunningRunner extends AsyncDisposable {
  readonly ended: Promise<RunnerEnd>;
}

/** A real server with the repository `olga/app`, and our runner in a folder of its own. Disposing removes both. */
export interface RunnerWorld extends AsyncDisposable {
  readonly server: TestServer;
  /** Where a job may leave something, and where the runner lives. */
  readonly folder: string;
  /** Path of the runner file. */
  readonly file: string;
  /** What a runner on this machine is made of. */
  parts(signals: { stop: AbortSignal; clock?: Clock; logger?: Logger }): RunnerParts;
  /** Registers a runner with the label `linux`; its identity is in `file`. */
  register(more?: { ephemeral?: boolean; address?: string }): Promise<RunnerFile>;
  /** Starts the daemon with the runner file. */
  start(more?: { once?: boolean; clock?: Clock; logger?: Logger }): RunningRunner;
  /** Starts a run; returns its id. */
  submit(): Promise<number>;
  /** Waits for a run's end; returns its conclusion. */
  conclusion(run: number): Promise<string>;
  /** The jobs of a run. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by the tests, not by types
  jobs(run: number): Promise<any[]>;
}

/** Makes a world whose repository has one workflow. @param steps YAML of the steps, indented by six spaces */
export async function runnerWorld(
  steps: (folder: string) => string,
  options: ServerOptions = {},
): Promise<RunnerWorld> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "runner-world-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const workflow = `on: workflow_dispatch\njobs:\n  work:\n    runs-on: linux\n    steps:\n${steps(folder)}`;
  const origin = stack.use(await gitRepository({ ".gitea/workflows/work.yml": workflow }));
  const server = stack.use(await testServer({ repoRoot: origin.root, ...options }));
  await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const file = join(folder, ".runner");
  const common = { clock: systemClock, ids: systemIds, logger: silentLogger };
  const parts: RunnerWorld["parts"] = (signals) => partsOf(folder, file, { ...common, ...signals });
  const runs = "/repos/olga/app/actions/runs";
  const owned = stack.move();
  return {
    ...{ server, folder, file, parts },
    async register({ ephemeral = false, address = server.url } = {}) {
      const { token } = (await server.admin.post("/admin/actions/runners/registration-token")).json;
      const { signal } = new AbortController();
      const about = { instance: address, token, name: "one", labels: ["linux:host"], ephemeral, file };
      return await register({ ...about, version: "test", ...common, signal });
    },
    start({ once = false, ...more } = {}) {
      const stop = new AbortController();
      const ended = runDaemon({ ...parts({ stop: stop.signal, ...more }), once });
      ended.catch(() => undefined);
      return {
        ended,
        async [Symbol.asyncDispose]() {
          stop.abort();
          await ended.catch(() => undefined);
        },
      };
    },
    async submit() {
      const made = await server.admin.post("/runs", { repository: "olga/app", workflow: "work.yml" });
      if (made.status !== 201) throw new Error(`the run was refused: ${made.text}`);
      return made.json.id;
    },
    conclusion: (run) =>
      eventually(
        `run ${run} to end`,
        async () => {
          const { status, conclusion } = (await server.admin.get(`${runs}/${run}`)).json;
          return status === "completed" ? conclusion : undefined;
        },
        25_000,
      ),
    jobs: async (run) => (await server.admin.get(`${runs}/${run}/jobs`)).json.jobs,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function partsOf(
  folder: string,
  runnerFile: string,
  { stop, clock, ids, logger }: Pick<RunnerParts, "clock" | "ids" | "logger" | "stop">,
): RunnerParts {
  const compiled = compileConfig({}).config;
  const config = { ...compiled, runnerFile, heartbeatMs: 50, logLatencyMs: 20, reportGiveUpMs: 10_000 };
  // A container engine of this machine is none of these tests' business.
  const environment = { PATH: process.env["PATH"], DOCKER_HOST: "unix:///nowhere/docker.sock" };
  return {
    ...{ config, version: "test", clock, ids, logger, stop },
    executors: machineExecutors({ config, environment, clock, logger }),
    spoolFolder: defaultSpoolFolder(runnerFile),
    machine: new Machine({ env: { PATH: process.env["PATH"] }, folder, clock }),
  };
}
