import { expect, it } from "vitest";
import { Result } from "../../../src/protocol/messages.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { scriptedRunner } from "../../support/scripted-runner.ts";
import { testServer } from "../../support/test-server.ts";

const WORKFLOW = "on: push\njobs:\n  one:\n    runs-on: linux\n    steps: [{ run: echo }]\n";

it("a server whose disk is nearly full offers no work, takes results, and says so", async () => {
  await using origin = await gitRepository({ ".gitea/workflows/ci.yml": WORKFLOW });
  await using server = await testServer({ repoRoot: origin.root });
  const { admin } = server;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  const { token } = (await admin.get("/admin/actions/runners/registration-token")).json;
  const runner = await scriptedRunner(server.url, token);
  const submit = () => admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" });
  const ready = async () => await (await fetch(`${server.url}/readyz`)).text();
  expect(await ready()).toBe("ok\n");
  await submit();
  const task = await runner.fetch();
  if (task === undefined) throw new Error("there was no task");

  const { dispatcher } = server.server.services.protocol;
  const parked = runner.fetch(10_000);
  dispatcher.hold(true);
  await submit();
  expect(await runner.fetch(1_500)).toBeUndefined();
  await runner.log(task, 0, ["row"], true);
  expect(await runner.report(task, { result: Result.SUCCESS })).toBe(Result.SUCCESS);
  dispatcher.hold(false);
  expect(await parked).toBeDefined();

  await using full = await testServer({ minFreeDiskMib: 2 ** 40 });
  const text = await (await fetch(`${full.url}/readyz`)).text();
  expect(text).toMatch(
    /^ok, but no work is offered: \d+ MiB of disk are free, 1099511627776 are needed; free some space\n$/,
  );
});
