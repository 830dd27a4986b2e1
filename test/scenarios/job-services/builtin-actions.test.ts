import { describe, expect, it } from "vitest";
import { ownAddress } from "../../../src/runner/services/own-address.ts";
import { testEngine } from "../../support/engines.ts";
import { containerSubject } from "../../support/executor-container-subject.ts";
import { type EndedRun, type ServerWithRunner, serverWithRunner } from "../../support/server-with-runner.ts";
import { builtinLines, builtinWorkflow } from "./builtin-workflow.ts";
import { toolkitFiles, toolkitStep, toolkitWorkflow } from "./toolkit-workflow.ts";

const WORKFLOW = ".gitea/workflows/ci.yml";

function expectSuccess({ conclusion, log }: EndedRun): void {
  expect([conclusion, conclusion === "success" ? "" : log]).toEqual(["success", ""]);
}

async function expectBuiltins(given: ServerWithRunner): Promise<void> {
  const run = await given.run("ci.yml");
  expectSuccess(run);
  for (const [words, rest] of builtinLines) {
    const line = run.log.match(new RegExp(`^\\S+ ${words} (.*)$`, "m"))?.[1];
    expect([words, line]).toEqual([words, expect.stringMatching(rest)]);
  }
  expect(run.log).toContain("##[warning]No files were found with the provided path: nothing/*.");
  expect(run.log).toContain("an artifact with this name already exists on the workflow run");
  expect(run.log).toContain("Cache hit occurred on the primary key linux-1, not saving cache.");
  expect(run.log).toContain("##[warning]Path Validation Error");
  const { artifacts } = (await given.server.admin.get(`/repos/olga/app/actions/runs/${run.id}/artifacts`)).json;
  expect(artifacts.map((artifact: { name: string }) => artifact.name).sort()).toEqual(["2.txt", "part-1", "part-2"]);
  const { actions_caches } = (await given.server.admin.get("/repos/olga/app/actions/caches")).json;
  const keys = actions_caches.map((entry: { key: string }) => entry.key).sort();
  expect(keys).toEqual(["linux-1", "linux-2", "saved-alone"]);
}

describe("the built-in artifact and cache actions", { timeout: 120_000 }, () => {
  it("do on the host what GitHub's do", async () => {
    await using given = await serverWithRunner({ files: { [WORKFLOW]: builtinWorkflow } });
    await expectBuiltins(given);
  });

  it("write what GitHub's packages read, and read what they write", async () => {
    const jobs = {
      toolkit:
        toolkitStep("artifact.mjs upload") +
        "      - run: mv out kept\n" +
        toolkitStep("cache.mjs save of-toolkit") +
        "      - run: sha256sum < kept/deep/big.bin\n",
      builtin: `      - uses: actions/download-artifact@v8
        with: { name: site, path: out }
      - run: 'echo "got $(cat out/a.txt)"; sha256sum < out/deep/big.bin'
      - uses: actions/upload-artifact@v7
        with: { name: site, path: out, overwrite: true }
      - uses: actions/cache/restore@v5
        with: { path: deps, key: of-toolkit, fail-on-cache-miss: true }
      - run: 'echo "cached $(cat deps/file)"; echo "saved under builtin" > deps/file'
      - uses: actions/cache/save@v5
        with: { path: deps, key: of-builtin }
`,
      back: toolkitStep("artifact.mjs download") + toolkitStep("cache.mjs restore of-builtin"),
    };
    await using given = await serverWithRunner({ files: { ...toolkitFiles, [WORKFLOW]: toolkitWorkflow(jobs) } });
    const run = await given.run("ci.yml");
    expectSuccess(run);
    expect(run.log).toMatch(/^\S+ got artifact of toolkit$/m);
    expect(run.log).toMatch(/^\S+ cached saved under of-toolkit$/m);
    expect(run.log).toMatch(/^\S+ read artifact of toolkit mismatch false$/m);
    expect(run.log).toMatch(/^\S+ restore of-builtin: saved under builtin$/m);
    expect(new Set(run.log.match(/\b[0-9a-f]{64} {2}-$/gm)).size).toBe(1);
  });

  it("cache by protocol 1 where that is asked for, and save after success alone", async () => {
    const cache = (key: string) => `      - uses: actions/cache@v4
        with: { path: deps, key: ${key} }
`;
    const jobs = {
      one: `      - run: mkdir deps; head -c 20000000 /dev/urandom > deps/big; sha256sum < deps/big\n${cache("first")}`,
      two: `${cache("first")}      - run: sha256sum < deps/big\n`,
      three: `${cache("second")}      - run: mkdir deps; exit 1\n`,
    };
    const files = { [WORKFLOW]: toolkitWorkflow(jobs, { checkout: false }) };
    await using given = await serverWithRunner({ files, config: { "cache.v2": "false" } });
    const { conclusion, log } = await given.run("ci.yml");
    expect(conclusion).toBe("failure");
    expect(log).toContain("Cache restored from key: first");
    const sums = log.match(/\b[0-9a-f]{64} {2}-$/gm) ?? [];
    expect([sums.length, new Set(sums).size]).toEqual([2, 1]);
    const { actions_caches } = (await given.server.admin.get("/repos/olga/app/actions/caches")).json;
    expect(actions_caches.map((entry: { key: string }) => entry.key)).toEqual(["first"]);
  });

  it("read artifacts of another run by its id and a token", async () => {
    const make = "on: workflow_dispatch\njobs:\n  make:\n    runs-on: linux\n    steps:\n";
    const files = {
      ".gitea/workflows/make.yml": `${make}      - run: echo one > 1
      - uses: actions/upload-artifact@v4
        with: { name: first, path: "1" }
`,
      ".gitea/workflows/take.yml": `on: { workflow_dispatch: { inputs: { run: {}, token: {} } } }
jobs:
  take:
    runs-on: linux
    steps:
      - uses: actions/download-artifact@v4
        with: { run-id: "\${{ inputs.run }}", github-token: "\${{ inputs.token }}", path: in }
      - run: echo "other $(cat in/1)"
`,
    };
    await using given = await serverWithRunner({ files });
    const made = await given.run("make.yml");
    expectSuccess(made);
    const inputs = { run: String(made.id), token: given.server.adminToken };
    const taken = await given.run("take.yml", { inputs });
    expectSuccess(taken);
    expect(taken.log).toMatch(/^\S+ other one$/m);
  });
});

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  const missing = "missing" in found ? found.missing : undefined;
  const reason = missing ?? (ownAddress() === undefined ? "this machine has no address but loopback" : undefined);
  if (reason !== undefined) console.warn(`the built-in actions in containers of ${name} are skipped: ${reason}`);

  describe.skipIf(reason !== undefined)(`the built-in actions in containers of ${name}`, { timeout: 180_000 }, () => {
    it("need neither Node nor a download", async () => {
      if (!("engine" in found)) return;
      await using subject = await containerSubject(found.engine);
      await using given = await serverWithRunner({
        files: { [WORKFLOW]: builtinWorkflow },
        labels: [`linux:${name}://${found.engine.image}`],
        parts: () => ({ executors: async () => ({ [name]: subject.containers }) }),
      });
      await expectBuiltins(given);
      expect(await subject.leftovers()).toEqual([]);
    });
  });
}
