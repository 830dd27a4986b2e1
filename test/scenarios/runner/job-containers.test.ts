import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { localContainers } from "../../../src/executors/container/local-containers.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { runJob } from "../../../src/runner/engine/run-job.ts";
import { chooseExecutor } from "../../../src/runner/executor-set.ts";
import { parseLabels } from "../../../src/runner/labels.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { testEngine } from "../../support/engines.ts";
import { type ContainerSubject, containerSubject } from "../../support/executor-container-subject.ts";
import { hostSubject } from "../../support/executor-host-subject.ts";
import { nextJobId } from "../../support/executor-subject.ts";

const found = await testEngine("docker");

describe.skipIf("missing" in found)(
  `jobs in containers${"missing" in found ? ` (skipped: ${found.missing})` : ""}`,
  () => {
    const image = "engine" in found ? found.engine.image : "";
    let subject: ContainerSubject;

    beforeEach(async () => {
      if ("engine" in found) subject = await containerSubject(found.engine);
    });

    afterEach(async () => {
      expect(await subject.leftovers()).toEqual([]);
      await subject[Symbol.asyncDispose]();
    });

    /** Runs the job of a workflow on a runner with one label, and returns its result and its rows. */
    async function run(label: string, keys: string, script: string) {
      const { workflow, diagnostics } = parseWorkflow(
        `on: push\njobs:\n  one:\n    runs-on: x\n${keys}    steps:\n      - run: |\n          ${script}\n        env: { PORT: "\${{ job.services.web.ports['8080'] }}" }\n`,
      );
      const job = [...(workflow?.jobs.values() ?? [])][0];
      if (workflow === undefined || job === undefined) throw new Error(diagnostics.map((one) => one.message).join());
      await using host = await hostSubject();
      const rows: string[] = [];
      const executor = chooseExecutor({ host: host.executor, docker: subject.containers }, parseLabels([label]), ["x"]);
      const result = await runJob(
        {
          ...{ id: nextJobId(), workflow, job, conditionDecided: true, github: { repository: "o/r" }, inputs: {} },
          ...{ vars: { IMAGE: image, NONE: "" }, secrets: {}, needs: new Map(), matrix: {}, strategy: {}, lowEnv: {} },
          ...{ fixedEnv: {}, runner: { name: "one", version: "9", debug: false, arch: "X64" }, masks: [] },
          timeoutMs: 60_000,
        },
        {
          ...{ executor, clock: systemClock, ids: systemIds, logger: silentLogger },
          emit: (event) => void (event.type === "line" && rows.push(event.text)),
          signal: new AbortController().signal,
        },
      );
      return { result, rows };
    }

    it("the image of the label runs the job, with sh", async () => {
      const { result, rows } = await run(`x:docker://${image}`, "", 'echo "in $PWD as $(id -u) $GITHUB_WORKSPACE"');
      expect([result, rows.includes("in /__w/r/r as 0 /__w/r/r")]).toEqual(["success", true]);
      expect(rows).toContain("shell: sh -e {0}");
    });

    it("a container of the job wins, is evaluated, and works on a label of the host", async () => {
      const keys = "    container: { image: '${{ vars.IMAGE }}', env: { A: '${{ vars.IMAGE }}' } }\n";
      for (const label of ["x:docker://no.such/image", "x:host", "x"]) {
        const { result, rows } = await run(label, keys, 'echo "A is $A"; ls /bin/busybox');
        expect([result, rows.includes(`A is ${image}`)]).toEqual(["success", true]);
      }
    });

    it("an empty image means none: the job runs on the host", async () => {
      const { result, rows } = await run(
        "x",
        "    container: '${{ vars.NONE }}'\n",
        "test -d /__w || echo on the host",
      );
      expect([result, rows.includes("on the host")]).toEqual(["success", true]);
    });

    it("services of a host job are reached by the ports of the job context; one without an image is left out", async () => {
      const service = `{ image: '\${{ vars.IMAGE }}', ports: [8080], entrypoint: httpd, command: -f -p 8080 -h /etc, options: --health-cmd "wget -q -O - http://127.0.0.1:8080/group" --health-interval 100ms --health-retries 99 }`;
      const keys = `    services:\n      web: ${service}\n      none: '\${{ vars.NONE }}'\n`;
      const { result, rows } = await run("x", keys, "exec 3<>/dev/tcp/127.0.0.1/$PORT && echo connected");
      expect([result, rows.includes("connected")]).toEqual(["success", true]);
      expect(rows).toContain("The service 'none' is not started, since its image is empty.");
    });

    it("what is wrong with a container fails the job in a sentence", async () => {
      const keys = "    container: { image: x, credentials: { username: a, password: '${{ vars.NONE }}' } }\n";
      expect((await run("x", keys, "true")).rows.join("\n")).toContain("need a username and a password");
      expect((await run("x:docker", "", "true")).rows.join("\n")).toContain("has no image to run in");
    });
  },
);

describe("jobs in containers without an engine", () => {
  it("fail at once and name what is missing", async () => {
    await using host = await hostSubject();
    const docker = localContainers({
      ...{ name: "docker", workRoot: "/nowhere", toolCache: "/nowhere", owner: "test" },
      ...{ environment: {}, address: "unix:///nowhere/docker.sock", warn: () => undefined },
      rules: { policy: { privileged: false, validVolumes: [] }, limits: {}, options: "" },
    });
    const signal = new AbortController().signal;
    for (const label of ["x:docker://img", "x"]) {
      const executor = chooseExecutor({ host: host.executor, docker }, parseLabels([label]), ["x"]);
      const job = { id: nextJobId(), repository: "o/r", container: { image: "img" } };
      await expect(executor.prepare(job, { signal })).rejects.toThrow("no socket at /nowhere/docker.sock");
    }
  });
});
