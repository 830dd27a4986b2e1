import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ActionHost, actionHost } from "../../support/action-host.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { jobOf, runHostJob } from "../../support/host-job.ts";

describe("settings of actions and hooks", () => {
  let host: ActionHost;
  let folder: string;

  beforeAll(async () => {
    host = await actionHost();
    folder = await mkdtemp(join(tmpdir(), "hooks-"));
    await writeFile(
      join(folder, "started.sh"),
      'echo "hook of $GITHUB_REPOSITORY in $PWD"; echo "HOOKED=yes" >> $GITHUB_ENV; exit ${FAIL:-0}\n',
    );
    await writeFile(join(folder, "completed.js"), "console.log('completed, hooked', process.env.HOOKED);\n");
    await writeFile(join(folder, "any"), "#!/bin/sh\necho any program\nexit 3\n");
    await chmod(join(folder, "any"), 0o755);
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it("the real @actions/core works in an action", async () => {
    const { result, lines, annotations, events } = await runHostJob(
      jobOf(`      - id: core
        uses: octo/actions/toolkit@v1
        with: {name: Mona}
      - run: |
          echo "$FROM_CORE"; echo "$PATH"
          echo '\${{ steps.core.outputs.answer }}'
`),
      { source: host.source(), lowEnv: { ACTIONS_CORE: import.meta.resolve("@actions/core") } },
    );
    expect(lines.filter((line) => line.startsWith("##[error]"))).toEqual(["##[error]x.c:3: T: an error"]);
    expect(result).toBe("success");
    expect(lines).toContain("name Mona, list a+b");
    expect(lines).toContain("flag true, masked ***, debug false");
    expect(lines).toContain("line two");
    expect(lines.some((line) => line.startsWith("/from/core:"))).toBe(true);
    expect(lines).toContain('{"value":42,"text":"two\\nlines"}');
    expect(lines).toContain("state over");
    expect(annotations.map(({ level, file, line }) => [level, file, line])).toEqual([
      ["error", "x.c", 3],
      ["notice", undefined, undefined],
    ]);
    expect(events.find(({ type }) => type === "summary")).toMatchObject({
      step: 0,
      markdown: expect.stringContaining("Summary of the action"),
    });
  });

  it.each([
    [true, "isGhes false"],
    [false, "isGhes true"],
  ])("GitHub's artifact and cache clients accept this server where that is wanted: %s", async (patch, said) => {
    const { lines } = await runHostJob(jobOf("      - uses: octo/actions/artifact-client@v1\n"), {
      source: host.source(),
      actions: { patch },
      fixedEnv: { ACTIONS_RUNTIME_URL: "http://a/", ACTIONS_RESULTS_URL: "http://b", ACTIONS_RUNTIME_TOKEN: "jwt" },
    });
    expect(lines).toContain(said);
    expect(lines).toContain("services http://a/ http://b jwt");
  });

  it("actions/checkout is fetched like any action when the built-in one is off", async () => {
    const action = { "action.yml": "runs: {using: node24, main: m.js}", "m.js": "console.log('the fetched checkout')" };
    await using repository = await gitRepository(action);
    await using others = await actionHost();
    await repository.git("clone", "--quiet", "--bare", repository.path, join(others.root, "actions", "checkout"));
    const workflow = jobOf("      - uses: actions/checkout@main\n");
    const { lines } = await runHostJob(workflow, { source: others.source(), actions: { builtin: false } });
    expect(lines).toContain("the fetched checkout");
    const builtin = await runHostJob(workflow, { source: others.source() });
    expect(builtin.lines).not.toContain("the fetched checkout");
    expect(builtin.lines).toContain("##[group]Checking out octo/repo");
  });

  describe("hooks", () => {
    const hooks = () => ({ started: join(folder, "started.sh"), completed: join(folder, "completed.js") });

    it("run around the steps, also after a failure", async () => {
      const { result, lines, steps } = await runHostJob(
        jobOf(
          '      - run: echo "in a step $HOOKED"; exit 1\n      - uses: octo/actions/posting@v1\n        if: always()\n',
        ),
        { source: host.source(), hooks: hooks() },
      );
      expect(result).toBe("failure");
      expect(steps).toHaveLength(2);
      const order = ["Set up runner", "in a step yes", "post of ", "Complete runner", "completed, hooked yes"];
      expect(lines.filter((line) => order.includes(line))).toEqual(order);
      expect(lines.some((line) => /^hook of octo\/repo in \//.test(line))).toBe(true);
    });

    it("a started hook that fails, fails the job", async () => {
      const { result, steps, lines } = await runHostJob(jobOf("      - run: echo\n"), {
        hooks: hooks(),
        lowEnv: { FAIL: "2" },
      });
      expect(result).toBe("failure");
      expect(steps).toEqual(["skipped/skipped"]);
      expect(lines).toContain("completed, hooked yes");
    });

    it("a completed hook that fails, fails the job", async () => {
      const { result, lines } = await runHostJob(jobOf("      - run: echo\n"), {
        hooks: { completed: join(folder, "any") },
      });
      expect(result).toBe("failure");
      expect(lines).toContain("any program");
    });
  });
});
