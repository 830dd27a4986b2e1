import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { makeLocalRepository } from "../test/e2e/local-repository.ts";
import { RunnerProcess } from "../test/e2e/runner-process.ts";
import type { ServerProcess } from "../test/support/server-process.ts";

const ACTIONS = "/repos/admin/project/actions";
/** The job prints this first and waits, so that the measure begins when it runs. */
const PAUSE_S = 2;

/** What one job with a long log has shown. */
export interface OneJobFigures {
  readonly lines: number;
  /** From the first line to the end of the run. */
  readonly seconds: number;
  readonly linesPerSecond: number;
  readonly runnerPeakMiB: number;
  readonly serverPeakMiB: number;
}

/**
 * Runs a job that prints numbered lines on our own runner and checks that all of them arrived, in order.
 * @param outageMinutes the server is stopped for so long while the job prints @default 0
 * @throws Error where the run is not green or a line is missing
 */
export async function runOneJob(
  server: ServerProcess,
  options: { readonly root: string; readonly lines: number; readonly outageMinutes?: number },
): Promise<OneJobFigures> {
  const { root, lines, outageMinutes = 0 } = options;
  await using repository = await makeLocalRepository({ ".gitea/workflows/lines.yml": workflow(lines) }, { root });
  const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
  await using runner = await RunnerProcess.start(server.url, token, "lines:host");
  await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
  const { id } = await server.get("POST", "/runs", { repository: "admin/project", workflow: "lines.yml" });
  const job = async () => (await server.get("GET", `${ACTIONS}/runs/${id}/jobs`)).jobs[0];
  while ((await job()).status !== "in_progress") await delay(50);
  let serverPeakMiB = 0;
  if (outageMinutes > 0) {
    await delay(1_000);
    serverPeakMiB = peakMiB(server.pid);
    await server.stop();
    await delay(outageMinutes * 60_000);
    await server.restart();
  } else {
    await delay(PAUSE_S * 1_000);
  }
  const began = performance.now();
  let ended = await job();
  while (ended.status !== "completed") {
    await delay(20);
    ended = await job();
  }
  const seconds = (performance.now() - began) / 1000;
  if (ended.conclusion !== "success") throw new Error(`the job ended with ${ended.conclusion}:\n${runner.output}`);
  await checkLines(server, ended.id, lines);
  return {
    ...{ lines, seconds, linesPerSecond: Math.round(lines / seconds) },
    runnerPeakMiB: peakMiB(runner.pid),
    serverPeakMiB: Math.max(serverPeakMiB, peakMiB(server.pid)),
  };
}

function workflow(lines: number): string {
  return `on: workflow_dispatch
jobs:
  chatter:
    runs-on: lines
    steps:
      - shell: bash
        run: |
          sleep ${PAUSE_S}
          seq -f 'line %.0f of a job that says much' 1 ${lines}
`;
}

async function checkLines(server: ServerProcess, job: number, lines: number): Promise<void> {
  const headers = { authorization: `Bearer ${server.adminToken}` };
  const response = await fetch(`${server.url}/api/v1${ACTIONS}/jobs/${job}/logs`, { headers });
  const numbers = [...(await response.text()).matchAll(/ line (\d+) of a job that says much$/gm)].map(([, n]) =>
    Number(n),
  );
  const wrong = numbers.findIndex((n, i) => n !== i + 1);
  if (numbers.length !== lines || wrong >= 0) {
    throw new Error(`${numbers.length} of ${lines} lines arrived; the first wrong one is ${wrong}`);
  }
}

/** Most memory that a process had so far, in MiB; 0 where there is no /proc. */
export function peakMiB(pid: number | undefined): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}
