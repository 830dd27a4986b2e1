// Rotates the tokens of 1,000 runners, half on streams and half polling, while they work off jobs: how long that takes,
// and whether a job was dropped. SQLite, the server on core 0 and all clients on core 1, loopback only, some two minutes.
// The last line is one JSON object.
import { makeLocalRepository } from "../test/e2e/local-repository.ts";
import { eventually } from "../test/support/eventually.ts";
import { rotatingFleet } from "../test/support/rotating-fleet.ts";
import { cpuSeconds, startBenchServer } from "./bench-server.ts";

const RUNNERS = Number(process.env["BENCH_RUNNERS"] ?? 1_000);
const RUNS = Number(process.env["BENCH_RUNS"] ?? 30);
const LEGS = 100;
const LANES = 8;
const PATIENCE_MS = 300_000;

const workflow = `on: workflow_dispatch
jobs:
  leg:
    strategy: { matrix: { n: [${Array.from({ length: LEGS }, (_, n) => n).join(", ")}] } }
    runs-on: linux
    steps: [{ run: echo }]
`;

const seconds = (from: number) => Math.round((performance.now() - from) / 10) / 100;

await using repository = await makeLocalRepository({ ".gitea/workflows/wide.yml": workflow });
await using server = await startBenchServer({ args: ["--repo-root", repository.root, "--log-level", "warn"] });
await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
const registering = performance.now();
await using fleet = await rotatingFleet(server.url, token, RUNNERS);
console.log(`${RUNNERS} runners registered in ${seconds(registering)} s`);

const cpu = cpuSeconds(server.pid);
const began = performance.now();
const queue = [...fleet.ids];
const rotate = async () => {
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    await server.get("POST", `/admin/actions/runners/${id}/rotate-token`);
  }
};
const runs: number[] = [];
const submit = async () => {
  for (let count = 0; count < RUNS; count++) {
    runs.push((await server.get("POST", "/runs", { repository: "admin/project", workflow: "wide.yml" })).id);
  }
};
await Promise.all([submit(), ...Array.from({ length: LANES }, rotate)]);
await eventually("all to have new tokens", () => fleet.renewed >= RUNNERS, PATIENCE_MS);
const rotatedIn = seconds(began);
let green = 0;
for (const id of runs) {
  const path = `/repos/admin/project/actions/runs/${id}`;
  const run = await eventually(
    `run ${id} to end`,
    async () => {
      const found = await server.get("GET", path);
      return found.status === "completed" ? found : undefined;
    },
    PATIENCE_MS,
  );
  if (run.conclusion === "success") green += 1;
}
const figures = {
  runners: RUNNERS,
  rotatedInSeconds: rotatedIn,
  jobs: RUNS * LEGS,
  jobsPlayed: fleet.played.size,
  playedTwice: [...fleet.played.values()].filter((count) => count > 1).length,
  runsGreen: green,
  runs: RUNS,
  refusedCalls: fleet.failures.length,
  runnersThatGaveUp: fleet.ended,
  allInSeconds: seconds(began),
  serverCpuSeconds: Math.round((cpuSeconds(server.pid) - cpu) * 100) / 100,
};
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value}`);
if (fleet.failures.length > 0) console.error(fleet.failures.slice(0, 3).join("\n"));
console.log(JSON.stringify(figures));
