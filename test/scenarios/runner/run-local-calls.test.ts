import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Git } from "../../../src/drivers/git/git.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { type RunLocalOptions, runLocal } from "../../../src/runner/run-local.ts";
import { actionHost } from "../../support/action-host.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { openHostExecutor } from "../../support/open-host-executor.ts";

/** Runs `.gitea/workflows/ci.yml` of some files; what was printed, one line each. */
async function run(files: Readonly<Record<string, string>>, more: Partial<RunLocalOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "local-calls-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const directory = join(folder, "project");
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  const executor = await openHostExecutor(folder);
  const printed: string[] = [];
  const result = await runLocal({
    directory,
    files: [{ path: "ci.yml", source: files[".gitea/workflows/ci.yml"] ?? "" }],
    event: "push",
    secrets: { PASSWORD: "hunter2", OTHER: "other" },
    vars: {},
    env: {},
    github: { repository: "local/project", ref: "refs/heads/main", sha: "" },
    timeoutMs: 60_000,
    version: "9",
    place: () => ({ executor }),
    git: new Git({ path: process.env["PATH"] ?? "" }),
    printer: {
      problems: (file, diagnostics) => printed.push(...diagnostics.map((one) => `${one.file ?? file}: ${one.message}`)),
      jobStarted: () => undefined,
      event: (name, event) =>
        void (event.type === "line" && event.step !== null && printed.push(`${name}: ${event.text}`)),
      jobFinished: (name, ended) => printed.push(`end ${name} ${ended}`),
    },
    ...{ clock: systemClock, ids: systemIds, logger: silentLogger, signal: new AbortController().signal },
    ...more,
  }).catch((error: Error) => error.message);
  return { result, printed, ends: printed.filter((line) => line.startsWith("end")) };
}

const step = (text: string) => `    runs-on: x\n    steps: [{ run: ${JSON.stringify(text)} }]\n`;

describe("exec of called workflows", () => {
  it("runs them with their inputs and secrets, and hands their outputs on", async () => {
    const { result, printed, ends } = await run({
      ".gitea/workflows/ci.yml": `on: push
env: { LEAK: leaked }
jobs:
  go:
    strategy: { matrix: { v: [1, 2] } }
    uses: ./.gitea/workflows/called.yml
    with: { version: "\${{ matrix.v }}", dry: true }
    secrets: { pass: "\${{ secrets.PASSWORD }}" }
  after:
    needs: go
    runs-on: x
    steps: [{ run: 'echo "\${{ needs.go.result }} \${{ needs.go.outputs.out }}"' }]
`,
      ".gitea/workflows/called.yml": `on:
  workflow_call:
    inputs: { version: { type: number, required: true }, dry: { type: boolean }, mode: { type: string, default: "\${{ github.event_name }}" } }
    secrets: { pass: { required: true } }
    outputs: { out: { value: "got \${{ jobs.a.outputs.v }}" } }
jobs:
  a:
    runs-on: x
    outputs: { v: "\${{ steps.s.outputs.v }}" }
    steps:
      - id: s
        env: { PASS: "\${{ secrets.pass }}", OTHER: "\${{ secrets.OTHER }}" }
        run: |
          echo "v=\${{ inputs.version }}" >> "$GITHUB_OUTPUT"
          echo "\${{ toJSON(inputs.dry) }} \${{ inputs.mode }} [$LEAK] [\${#PASS}] [$OTHER]"
  b:
    needs: a
    if: inputs.version == 2
    uses: ./.gitea/workflows/inner.yml
`,
      ".gitea/workflows/inner.yml": `on: workflow_call\njobs:\n  c:\n${step("echo inner")}`,
    });
    expect(result).toBe("success");
    expect(ends).toEqual([
      "end go (1) / a success",
      "end go (1) / b skipped",
      "end go (2) / a success",
      "end go (2) / b / c success",
      "end after success",
    ]);
    expect(printed).toContain("go (1) / a: true push [] [7] []");
    expect(printed).toContain("after: success got 2");
  });

  it("fetches those of other repositories like actions", async () => {
    await using host = await actionHost();
    await using library = await gitRepository({
      ".github/workflows/x.yml": `on: workflow_call\njobs:\n  y: { uses: ./.github/workflows/z.yml }\n`,
      ".github/workflows/z.yml": `on: workflow_call\njobs:\n  z:\n${step("exit 3")}`,
    });
    await host.add("library", library);
    const ci = `on: push\njobs:\n  go: { uses: octo/library/.github/workflows/x.yml@main }\n  after:\n    needs: go\n${step("echo")}`;
    const { result, ends } = await run({ ".gitea/workflows/ci.yml": ci }, { actions: host.source() });
    expect(result).toBe("failure");
    expect(ends).toEqual(["end go / y / z failure", "end after skipped"]);
  });

  it("says what is wrong before anything runs", async () => {
    const { result, printed } = await run({
      ".gitea/workflows/ci.yml": `on: push\njobs:\n  a: { uses: ./.gitea/workflows/none.yml }\n  b: { uses: ./.gitea/workflows/loop.yml, with: { x: 1 } }\n`,
      ".gitea/workflows/loop.yml": `on: workflow_call\njobs:\n  l: { uses: ./.gitea/workflows/loop.yml }\n`,
    });
    expect(result).toBe("the calls of the workflow ci.yml have errors: correct them first");
    expect(printed).toEqual([
      "ci.yml: The workflow ./.gitea/workflows/none.yml cannot be called: there is no file .gitea/workflows/none.yml",
      "ci.yml: Invalid input, x is not defined in the referenced workflow; it declares none",
      expect.stringContaining("calls itself: ./.gitea/workflows/loop.yml → ./.gitea/workflows/loop.yml"),
    ]);
    const wrong = await run({ ".gitea/workflows/ci.yml": `on: push\nconcurrency: ""\njobs:\n  a:\n${step("echo")}` });
    expect(wrong.result).toContain("the concurrency group has no name");
  });
});
