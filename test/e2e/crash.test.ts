import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { mariadbMissing, sharedMariadb } from "../support/mariadb.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { ServerProcess } from "../support/server-process.ts";
import { makeLocalRepository } from "./local-repository.ts";
import { RunnerProcess } from "./runner-process.ts";

const LINES = 20_000;
const KILLS = 5;
const JOB_MS = 20_000;
const ACTIONS = "/repos/admin/project/actions";

/** 20,000 numbered lines over 20 s. */
const WORKFLOW = `on: workflow_dispatch
jobs:
  chatter:
    runs-on: crash
    steps:
      - shell: bash
        run: |
          for tenth in $(seq 0 199); do
            seq -f 'line %.0f' $((tenth * 100)) $((tenth * 100 + 99))
            sleep 0.1
          done
`;

const databases = [
  { name: "sqlite", missing: undefined, open: async () => undefined },
  { name: "mariadb", missing: mariadbMissing, open: async () => await (await sharedMariadb()).createDatabase() },
];

describe("a server that is killed while a job runs", { concurrent: true, timeout: 240_000 }, () => {
  for (const { name, missing, open } of databases) {
    if (missing !== undefined) console.warn(`crash on ${name} is skipped: ${missing}`);
    it.skipIf(missing !== undefined)(`loses and repeats no line on ${name}`, async ({ onTestFailed }) => {
      const seed = Number(process.env["CRASH_SEED"] ?? randomInt(2 ** 31));
      console.log(`crash on ${name}: CRASH_SEED=${seed}`);
      await using repository = await makeLocalRepository({ ".gitea/workflows/crash.yml": WORKFLOW });
      const databaseUrl = await open();
      await using server = await ServerProcess.start({
        args: ["--repo-root", repository.root],
        ...(databaseUrl === undefined ? {} : { databaseUrl }),
      });
      const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
      await using runner = await RunnerProcess.start(server.url, token, "crash:host");
      onTestFailed(() => console.error(`server:\n${server.output}\nrunner:\n${runner.output}`));
      await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
      const { id } = await server.get("POST", "/runs", { repository: "admin/project", workflow: "crash.yml" });
      const job = async () => (await server.get("GET", `${ACTIONS}/runs/${id}/jobs`)).jobs[0];
      await eventually("the job to start", async () => (await job()).status === "in_progress", 30_000);

      // The moments are the test's subject, so here it does wait for time to pass.
      const start = performance.now();
      for (const moment of killMoments(seed)) {
        await delay(Math.max(0, moment - (performance.now() - start)));
        await server.kill();
        await server.restart();
      }

      const ended = await eventually(
        "the job to end",
        async () => ((await job()).status === "completed" ? await job() : undefined),
        90_000,
      );
      expect(ended).toMatchObject({ conclusion: "success" });
      const { text } = await server.api("GET", `${ACTIONS}/jobs/${ended.id}/logs`);
      const numbers = text.split("\n").flatMap((line) => /^\S+ line (\d+)$/.exec(line)?.[1] ?? []);
      // Compared as a whole this would print 20,000 lines.
      expect(numbers.length).toBe(LINES);
      expect(numbers.findIndex((number, index) => number !== String(index))).toBe(-1);
      expect(await server.get("GET", `${ACTIONS}/runs/${id}`)).toMatchObject({
        status: "completed",
        conclusion: "success",
      });
    });
  }
});

/** Ascending times within the job, in ms; the same for the same seed. */
function killMoments(seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: KILLS }, () => random() * JOB_MS).sort((a, b) => a - b);
}
