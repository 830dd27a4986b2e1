import { expect, it } from "vitest";
import type { Repository } from "../../../../src/server/domain/account.ts";
import { type LoadCalledDeps, loadCalled } from "../../../../src/server/services/load-called.ts";
import { parseWorkflow } from "../../../../src/workflow/parse-workflow.ts";

it("the called files of a run are limited together", async () => {
  const names = ["a", "b", "c"].map((name) => `./.gitea/workflows/${name}.yml`);
  const jobs = names.map((name, index) => `  j${index}:\n    uses: ${name}\n`).join("");
  const { workflow } = parseWorkflow(`on: push\njobs:\n${jobs}`);
  if (workflow === undefined) throw new Error("the workflow is wrong");
  const leaf = "on: workflow_call\njobs:\n  x:\n    runs-on: linux\n    steps: [{ run: echo }]\n";
  const source = leaf + "# padding\n".repeat(90_000);
  const deps = {
    mirrors: { read: async () => source },
    threads: { read: async () => parseWorkflow(leaf) },
  } as unknown as LoadCalledDeps;
  const run = { repository: { ownerName: "olga", name: "app" } as Repository, sha: "0".repeat(40), actorId: 1 };
  const loaded = await loadCalled(deps, run, workflow, {});
  expect(loaded.tree).toBeUndefined();
  expect(loaded.diagnostics.map(({ message }) => message)).toEqual([
    `The workflow ${names[2]} cannot be called: the called files of a run have at most 2 MiB together`,
  ]);
  expect(loaded.called).toHaveLength(2);
});
