import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HostExecutor } from "../../../src/executors/host/host-executor.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { JobEvent } from "../../../src/runner/engine/job-event.ts";
import { runJob } from "../../../src/runner/engine/run-job.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { FakeGitea } from "../../support/fake-gitea/fake-gitea.ts";
import { openHostExecutor } from "../../support/open-host-executor.ts";

const TOKEN = "task-token-5c1f";

describe("the built-in checkout", () => {
  let gitea: FakeGitea;
  let folder: string;
  let executor: HostExecutor;
  let first: string;
  let second: string;

  beforeEach(async () => {
    gitea = await FakeGitea.start();
    folder = await mkdtemp(join(tmpdir(), "checkout-"));
    const work = join(folder, "work");
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], {
        encoding: "utf8",
        cwd: folder,
      }).trim();
    git("init", "-q", "-b", "main", work);
    await writeFile(join(work, "file"), "one\n");
    git("-C", work, "add", ".");
    git("-C", work, "commit", "-qm", "one");
    first = git("-C", work, "rev-parse", "HEAD");
    git("-C", work, "tag", "v1");
    await writeFile(join(work, "file"), "two\n");
    git("-C", work, "commit", "-qam", "two");
    second = git("-C", work, "rev-parse", "HEAD");
    git("clone", "-q", "--bare", work, join(folder, "git", "octo", "repo"));
    gitea.git = {
      root: join(folder, "git"),
      authorization: `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`,
    };
    executor = await openHostExecutor(folder);
  });

  afterEach(async () => {
    await gitea[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function run(steps: string, sha: string) {
    const { workflow } = parseWorkflow(`on: push\njobs:\n  one:\n    runs-on: x\n    steps:\n${steps}`);
    const job = workflow?.jobs.get("one");
    if (workflow === undefined || job === undefined) throw new Error("the workflow is wrong");
    const events: JobEvent[] = [];
    const result = await runJob(
      {
        id: "job",
        workflow,
        job,
        conditionDecided: true,
        github: { repository: "octo/repo", ref: "refs/heads/main", sha, server_url: gitea.address, token: TOKEN },
        inputs: {},
        vars: {},
        secrets: { GITHUB_TOKEN: TOKEN },
        needs: new Map(),
        matrix: {},
        strategy: {},
        lowEnv: {},
        fixedEnv: {},
        runner: { name: "one", version: "9", debug: false, arch: "X64" },
        masks: [],
        timeoutMs: 60_000,
      },
      {
        executor,
        emit: (event) => void events.push(event),
        clock: systemClock,
        ids: systemIds,
        logger: silentLogger,
        signal: new AbortController().signal,
      },
    );
    const lines = events.flatMap((event) => (event.type === "line" ? [event.text] : []));
    return { result, lines };
  }

  it("checks out the exact commit of the run, with the job's token, and takes the token away at the end", async () => {
    const { result, lines } = await run(
      `      - uses: actions/checkout@v4
        id: co
      - run: |
          cat file; git log --oneline | wc -l; echo "commit \${{ steps.co.outputs.commit }}"
          git fetch -q origin main && echo fetched
          cat .git/config
`,
      first,
    );
    expect(lines.filter((line) => line.startsWith("##[error]"))).toEqual([]);
    expect(result).toBe("success");
    expect(lines).toContain("one");
    expect(lines).toContain(`commit ${first}`);
    expect(lines).toContain("fetched");
    expect(lines).toContain("Post Run actions/checkout@v4");
    expect(lines.join("\n")).not.toContain(Buffer.from(`x-access-token:${TOKEN}`).toString("base64"));
  });

  it("leaves no credential when it is told so", async () => {
    const { result, lines } = await run(
      `      - uses: https://github.com/actions/checkout@v5
        with:
          persist-credentials: false
          path: sub
          ref: v1
      - run: cat file; git fetch -q origin main || echo refused
        working-directory: sub
`,
      second,
    );
    expect(result).toBe("success");
    expect(lines).toContain("one");
    expect(lines).toContain("refused");
  });

  it.each([
    ["a ref that is not there", "ref: nowhere", "neither a branch nor a tag"],
    ["a repository that is not there", "repository: octo/none", "octo/none"],
    ["a path outside of the workspace", "path: ../../x", "leaves the workspace"],
    ["a wrong token", "token: wrong", "octo/repo"],
  ])("fails on %s with a sentence", async (_, input, words) => {
    const { result, lines } = await run(
      `      - uses: actions/checkout@v4\n        with:\n          ${input}\n`,
      second,
    );
    expect(result).toBe("failure");
    expect(lines.filter((line) => line.startsWith("##[error]")).join("\n")).toContain(words);
    expect(lines.join("\n")).not.toContain(TOKEN);
  });
});
