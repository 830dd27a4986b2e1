import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Machine } from "../../../src/drivers/machine/machine.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { Result } from "../../../src/protocol/messages.ts";
import { compileConfig } from "../../../src/runner/config.ts";
import { defaultSpoolFolder, runDaemon } from "../../../src/runner/daemon.ts";
import { machineActions } from "../../../src/runner/machine-actions.ts";
import { machineExecutors } from "../../../src/runner/machine-executors.ts";
import { saveRunnerFile } from "../../../src/runner/runner-file.ts";
import { workFolder } from "../../../src/runner/work-folder.ts";
import { actionHost } from "../../support/action-host.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeGitea } from "../../support/fake-gitea/fake-gitea.ts";

it("a task's actions come from the server that sent it, with the hooks and settings of the configuration", async () => {
  await using gitea = await FakeGitea.start();
  await using host = await actionHost();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "daemon-actions-"));
  stack.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "hook.sh"), "echo hook of the configuration\n");
  const file = join(folder, ".runner");
  const { config } = compileConfig({
    file: {
      name: "config.yaml",
      text: `runner:\n  file: ${file}\n  fetch_interval: 10ms\n  envs:\n    ACTIONS_RUNNER_HOOK_JOB_STARTED: ${folder}/hook.sh\n`,
    },
  });
  await saveRunnerFile(file, {
    ...{ id: 3, uuid: gitea.uuid, name: "one", token: gitea.token, address: gitea.address },
    ...{ labels: ["ubuntu-latest:host"], ephemeral: false },
  });
  const token = "task-token-5c1f";
  gitea.git = {
    root: host.root,
    authorization: `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`,
  };
  const task = gitea.enqueue({
    workflow:
      "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: octo/actions/posting@v1\n        with: {name: x}\n      - uses: octo/actions/artifact-client@v1\n",
    context: { gitea_default_actions_url: gitea.address },
  });
  const stop = new AbortController();
  const environment = { PATH: process.env["PATH"] };
  const ended = runDaemon({
    config,
    version: "9.9.9",
    executors: machineExecutors({ config, environment, clock: systemClock, logger: silentLogger }),
    actions: machineActions({ cacheDir: workFolder(config), environment, ids: systemIds }),
    machine: new Machine({ env: environment, folder, clock: systemClock }),
    spoolFolder: defaultSpoolFolder(config.runnerFile),
    clock: systemClock,
    ids: systemIds,
    logger: silentLogger,
    stop: stop.signal,
  });
  await eventually("the result", () => task.result !== Result.UNSPECIFIED, 25_000);
  stop.abort();
  await ended;
  const texts = task.rows.map((row) => row.text);
  expect(texts.filter((text) => text.startsWith("##[error]"))).toEqual([]);
  expect(task.result).toBe(Result.SUCCESS);
  expect(texts).toContain("hook of the configuration");
  expect(texts).toContain("post of x");
  expect(texts).toContain("isGhes false");
  // artifacts are the server's; the runner's own cache has its address among the results, and hands the rest on
  const services = texts.find((text) => text.startsWith("services ")) ?? "";
  expect(services).toContain(`services ${gitea.address}/api/actions_pipeline/ http://`);
  expect(services).toMatch(/:\d+ \*\*\*$/);
  expect(services).not.toContain(` ${gitea.address} `);
});
