import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownAddress } from "../../../src/runner/services/own-address.ts";
import { testEngine } from "../../support/engines.ts";
import { containerSubject } from "../../support/executor-container-subject.ts";
import { serverWithRunner } from "../../support/server-with-runner.ts";
import { toolkitFiles, toolkitStep, toolkitWorkflow } from "./toolkit-workflow.ts";

const root = join(import.meta.dirname, "../../..");
const SCRIPTS = "/scripts";

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  const missing = "missing" in found ? found.missing : undefined;
  const reason = missing ?? (ownAddress() === undefined ? "this machine has no address but loopback" : undefined);
  if (reason !== undefined) console.warn(`the toolkit in containers of ${name} is skipped: ${reason}`);

  describe.skipIf(reason !== undefined)(`the real packages in containers of ${name}`, { timeout: 180_000 }, () => {
    it("reach a server that listens on the machine's loopback alone, by the runner", async () => {
      if (!("engine" in found)) return;
      await using stack = new AsyncDisposableStack();
      const scripts = await mkdtemp(join(tmpdir(), "scripts-"));
      stack.defer(() => rm(scripts, { recursive: true }));
      for (const [file, text] of Object.entries(toolkitFiles)) await writeFile(join(scripts, file), text);
      // the image has a shell alone: Node and its libraries are this machine's
      const folders = ["/usr", "/lib", "/lib64", join(root, "node_modules")];
      const subject = stack.use(
        await containerSubject(found.engine, {
          mounts: [
            ...folders.map((source) => ({ source, target: source, readOnly: true })),
            { source: scripts, target: SCRIPTS, readOnly: true },
          ],
        }),
      );
      const step = (script: string, github = true) =>
        toolkitStep(`${SCRIPTS}/${script}`, { github, path: "/usr/bin:/bin" });
      const workflow = toolkitWorkflow(
        {
          make: step("artifact.mjs upload") + step("cache.mjs save key-1") + step("summary.mjs"),
          take:
            step("artifact.mjs download") +
            step("cache.mjs restore key-2 key-") +
            step("cache.mjs restore key-1", false),
        },
        { checkout: false },
      );
      const given = stack.use(
        await serverWithRunner({
          files: { ".gitea/workflows/ci.yml": workflow },
          labels: [`linux:${name}://${found.engine.image}`],
          parts: () => ({ executors: async () => ({ [name]: subject.containers }) }),
        }),
      );
      const { conclusion, log } = await given.run("ci.yml");
      expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
      expect(log).toMatch(/^\S+ read artifact of make mismatch false$/m);
      expect(log.match(/^\S+ restore key-1: saved under key-1$/gm) ?? log).toHaveLength(2);
      expect(await subject.leftovers()).toEqual([]);
    });
  });
}
