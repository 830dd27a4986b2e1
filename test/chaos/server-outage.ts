import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { makeLocalRepository } from "../e2e/local-repository.ts";
import { RunnerProcess } from "../e2e/runner-process.ts";
import { eventually } from "../support/eventually.ts";
import { ServerProcess } from "../support/server-process.ts";
import type { ChaosResult } from "./run-chaos.ts";

/** How an outage of the server goes. */
export interface OutageOptions {
  /** How long the server is away. */
  readonly outageMs: number;
  /** Jobs that run meanwhile, besides the one that prints. */
  readonly jobs: number;
  /** Lines that one more job prints meanwhile. */
  readonly lines: number;
}

const ACTIONS = "/repos/admin/project/actions";

/** The jobs end from the beginning of the outage until some time after it; one line in two seconds. */
function workflow({ jobs, outageMs, lines }: OutageOptions): string {
  const seconds = (index: number) => Math.ceil(5 + (1.2 * (outageMs / 1_000) * index) / Math.max(1, jobs - 1));
  // Legs of the same length would be one leg.
  const legs = Array.from({ length: jobs }, (_, index) => `{ seconds: ${seconds(index)}, index: ${index} }`);
  return `on: workflow_dispatch
jobs:
  quiet:
    runs-on: outage
    strategy: { fail-fast: false, matrix: { include: [${legs.join(", ")}] } }
    steps:
      - run: |
          end=$((SECONDS + \${{ matrix.seconds }}))
          for row in $(seq 0 100000); do echo "row $row"; sleep 1; [ $SECONDS -lt $end ] || break; done
          echo "rows $((row + 1))"
  loud:
    runs-on: outage
    steps:
      - run: |
          echo begun
          sleep 5
          seq -f 'line %.0f' 1 ${lines}
`;
}

/**
 * Stops the server while our runner does many jobs, and starts it again; afterwards every job is green and its log
 * complete.
 */
export async function runServerOutage(options: OutageOptions, say: (line: string) => void): Promise<ChaosResult> {
  const problems: string[] = [];
  await using repository = await makeLocalRepository({ ".gitea/workflows/outage.yml": workflow(options) });
  await using server = await ServerProcess.start({ args: ["--repo-root", repository.root] });
  const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
  const env = { ACT_RUNNER_CAPACITY: String(options.jobs + 1) };
  await using runner = await RunnerProcess.start(server.url, token, "outage:host", env);
  await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
  const { id } = await server.get("POST", "/runs", { repository: "admin/project", workflow: "outage.yml" });
  const jobs = async () => {
    const page = async (number: number) =>
      (await server.get("GET", `${ACTIONS}/runs/${id}/jobs?limit=50&page=${number}`)).jobs;
    return [...(await page(1)), ...(await page(2))];
  };
  const begin = performance.now();
  const all = async (status: string) => (await jobs()).every((job: { status: string }) => job.status === status);
  await eventually("all jobs to run", () => all("in_progress"), 120_000);
  say(`${options.jobs + 1} jobs run; the server stops`);
  await server.kill();
  await delay(options.outageMs);
  say(`the server starts again; the runner has used at most ${await peakMb(runner.pid)} MB`);
  await server.restart();
  await eventually("all jobs to end", () => all("completed"), options.outageMs + 300_000).catch((error) =>
    problems.push(String(error)),
  );
  const ended = await jobs();
  for (const job of ended) {
    if (job.conclusion !== "success") problems.push(`${job.name} is ${job.conclusion ?? job.status}`);
    const { text: log } = await server.api("GET", `${ACTIONS}/jobs/${job.id}/logs`);
    const rows = log.split("\n").map((row) => row.slice(row.indexOf(" ") + 1));
    const said = rows.flatMap((row) => /^(?:row|line) (\d+)$/.exec(row)?.[1] ?? []).map(Number);
    const wanted = job.name === "loud" ? options.lines : Number(rows.find((row) => /^rows \d+$/.test(row))?.slice(5));
    const first = job.name === "loud" ? 1 : 0;
    if (said.length !== wanted || said.some((value, index) => value !== index + first)) {
      problems.push(`${job.name} has ${said.length} of ${wanted} rows`);
    }
  }
  const runnerPeakMb = await peakMb(runner.pid);
  if (runnerPeakMb >= 200) problems.push(`the runner used ${runnerPeakMb} MB`);
  if (problems.length > 0) say(`the runner said:\n${runner.output.slice(-4_000)}`);
  const figures = {
    ...{ jobs: ended.length, outageSeconds: options.outageMs / 1_000, lines: options.lines, runnerPeakMb },
    ...{ seconds: Math.round((performance.now() - begin) / 1_000), problems: problems.length },
  };
  return { figures, problems };
}

/** Most memory that a process has used, in MB; 0 where there is no /proc. */
async function peakMb(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024);
}
