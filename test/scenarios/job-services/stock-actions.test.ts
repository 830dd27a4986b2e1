import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemIds } from "../../../src/lib/ids.ts";
import { machineActions } from "../../../src/runner/machine-actions.ts";
import { ownAddress } from "../../../src/runner/services/own-address.ts";
import { testEngine } from "../../support/engines.ts";
import { containerSubject } from "../../support/executor-container-subject.ts";
import { type ServerWithRunner, serverWithRunner } from "../../support/server-with-runner.ts";

/** A folder with git repositories `actions/checkout`, `actions/upload-artifact`, `actions/download-artifact`, `actions/cache`. */
const mirrors = process.env["ACT_RUNNER_TEST_ACTION_MIRRORS"];
if (mirrors === undefined) {
  console.warn("the stock actions are skipped: ACT_RUNNER_TEST_ACTION_MIRRORS names no folder of their repositories");
}

/** Versions that are used together: checkout, upload-artifact, download-artifact, cache. */
const VERSIONS: readonly (readonly [checkout: string, upload: string, download: string, cache: string])[] = [
  ["v4", "v7", "v8", "v4"],
  ["v6", "v7", "v8", "v5"],
  ["v7", "v7", "v8", "v5"],
];

/** What git and a Node of this machine need in an image that has a shell alone. */
const FOLDERS = ["/usr", "/lib", "/lib64"].map((source) => ({ source, target: source, readOnly: true }));

const steps = (text: string) => text.replaceAll(/^/gm, "      ");

function workflow([checkout, upload, download, cache]: (typeof VERSIONS)[number], path?: string): string {
  return `on: workflow_dispatch
env: ${path === undefined ? "{}" : `{ PATH: "${path}" }`}
jobs:
  make:
    runs-on: linux
    steps:
${steps(`- uses: actions/checkout@${checkout}
  with: { fetch-depth: 0 }
- run: test "$(git rev-parse HEAD)" = "$GITHUB_SHA"; cat file.txt
- uses: actions/cache@${cache}
  id: cache
  with: { path: deps, key: linux-1, restore-keys: linux- }
- run: echo "hit=[\${{ steps.cache.outputs.cache-hit }}]"; mkdir -p deps out/deep; echo dep > deps/x; echo one > out/1; echo two > out/deep/2
- uses: actions/upload-artifact@${upload}
  id: upload
  with: { name: part-1, path: out, retention-days: 3 }
- run: echo "upload \${{ steps.upload.outputs.artifact-id }} \${{ steps.upload.outputs.artifact-digest }}"
- uses: actions/upload-artifact@${upload}
  with: { name: part-1, path: out/1, overwrite: true }
- uses: actions/upload-artifact@${upload}
  with: { name: part-2, path: out/deep }
- uses: actions/upload-artifact/merge@${upload}
  with: { name: all, pattern: "part-*", delete-merged: true }`)}
  take:
    needs: make
    runs-on: linux
    steps:
${steps(`- uses: actions/checkout@${checkout}
- uses: actions/cache/restore@${cache}
  id: cache
  with: { path: deps, key: linux-2, restore-keys: linux- }
- run: echo "restored \${{ steps.cache.outputs.cache-matched-key }} $(cat deps/x)"
- uses: actions/download-artifact@${download}
  with: { name: all, path: in }
- run: echo "files $(cd in && find . -type f | sort | xargs)"
- uses: actions/download-artifact@${download}
  with: { pattern: "al*", merge-multiple: true, path: merged }
- run: cat merged/1 merged/2
- uses: actions/cache/save@${cache}
  with: { path: deps, key: saved-alone }`)}
`;
}

async function expectAll(given: ServerWithRunner): Promise<void> {
  const { conclusion, log, id } = await given.run("ci.yml");
  expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
  expect(log).toMatch(/^\S+ hit=\[(false)?\]$/m);
  expect(log).toMatch(/^\S+ upload \d+ ([0-9a-f]{64})?$/m);
  expect(log).toMatch(/^\S+ restored linux-1 dep$/m);
  expect(log).toMatch(/^\S+ files \.\/1 \.\/2$/m);
  expect(log).toMatch(/^\S+ (one|two)$/m);
  const { artifacts } = (await given.server.admin.get(`/repos/olga/app/actions/runs/${id}/artifacts`)).json;
  expect(artifacts.map((artifact: { name: string }) => artifact.name)).toEqual(["all"]);
  const { actions_caches } = (await given.server.admin.get("/repos/olga/app/actions/caches")).json;
  expect(actions_caches.map((entry: { key: string }) => entry.key).sort()).toEqual(["linux-1", "saved-alone"]);
}

const stockActions = (folder: string) =>
  machineActions({
    ...{ cacheDir: join(folder, "actions"), environment: { PATH: process.env["PATH"] }, ids: systemIds },
    githubMirror: `file://${mirrors}`,
  });

describe.skipIf(mirrors === undefined)(
  "the stock actions, unmodified, against our server",
  { timeout: 180_000 },
  () => {
    it.each(VERSIONS)("checkout@%s upload-artifact@%s download-artifact@%s cache@%s", async (...versions) => {
      await using given = await serverWithRunner({
        files: { "file.txt": "content\n", ".gitea/workflows/ci.yml": workflow(versions) },
        config: { "runner.builtin_actions": "false" },
        parts: (folder) => ({ actions: stockActions(folder) }),
      });
      await expectAll(given);
    });
  },
);

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  const address = ownAddress();
  const missing = "missing" in found ? found.missing : undefined;
  const reason = missing ?? (address === undefined ? "this machine has no address but loopback" : undefined);
  if (reason !== undefined) console.warn(`the stock actions in containers of ${name} are skipped: ${reason}`);

  describe.skipIf(mirrors === undefined || reason !== undefined)(
    `the stock actions, unmodified, in containers of ${name} without Node`,
    { timeout: 300_000 },
    () => {
      it.each(VERSIONS)("checkout@%s upload-artifact@%s download-artifact@%s cache@%s", async (...versions) => {
        if (!("engine" in found)) return;
        await using subject = await containerSubject(found.engine, { mounts: FOLDERS, node: process.execPath });
        await using given = await serverWithRunner({
          files: { "file.txt": "content\n", ".gitea/workflows/ci.yml": workflow(versions, "/usr/bin:/bin") },
          server: { listen: `${address}:0` },
          config: { "runner.builtin_actions": "false" },
          labels: [`linux:${name}://${found.engine.image}`],
          parts: (folder) => ({
            actions: stockActions(folder),
            executors: async () => ({ [name]: subject.containers }),
          }),
        });
        await expectAll(given);
        expect(await subject.leftovers()).toEqual([]);
      });
    },
  );
}
