import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { runJob } from "../../../src/runner/engine/run-job.ts";
import { chooseExecutor } from "../../../src/runner/executor-set.ts";
import { parseLabels } from "../../../src/runner/labels.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { type ActionHost, actionHost } from "../../support/action-host.ts";
import { testEngine } from "../../support/engines.ts";
import { type ContainerSubject, containerSubject } from "../../support/executor-container-subject.ts";
import { hostSubject } from "../../support/executor-host-subject.ts";
import { type ExecutorSubject, nextJobId } from "../../support/executor-subject.ts";
import { gitRepository } from "../../support/git-repository.ts";

const METADATA = `
inputs: { who: { default: you } }
outputs: { said: {} }
runs:
  using: docker
  image: Dockerfile
  pre-entrypoint: /pre.sh
  entrypoint: /main.sh
  post-entrypoint: /post.sh
  args: ["\${{ inputs.who }}", "two words"]
  env: { OF_ACTION: low, OF_STEP: low }
`;

const MAIN = `#!/bin/sh
echo "args: $# $1,$2 input $INPUT_WHO env $OF_ACTION $OF_STEP"
echo "in $PWD of $GITHUB_WORKSPACE home $HOME state $STATE_kept"
echo "said=hello $1" >>"$GITHUB_OUTPUT"
echo "FROM_ACTION=yes" >>"$GITHUB_ENV"
test -s "$GITHUB_EVENT_PATH" && echo event is here
echo content >"$GITHUB_WORKSPACE/made"
echo "context $(cd /all && find . -type f | sort | tr '\\n' ' ')"
echo "::warning file=a.c::look at this"
`;

const FILES = (image: string) => ({
  "action.yml": METADATA,
  Dockerfile: `FROM ${image}\nCOPY *.sh /\nCOPY . /all/\nENTRYPOINT ["/main.sh"]\n`,
  ".dockerignore": "# what nobody needs\n*.sh\n!*.sh\nsecret*\n!secret-kept\n**/deep\n",
  "secret.txt": "no",
  "secret-kept": "yes",
  "sub/deep/file": "no",
  "sub/file": "yes",
  "pre.sh": '#!/bin/sh\necho "pre of $INPUT_WHO"\necho kept=1 >>"$GITHUB_STATE"\n',
  "main.sh": MAIN,
  "post.sh": '#!/bin/sh\necho "post of $1 with $STATE_kept"\n',
});

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  const why = "missing" in found ? ` (skipped: ${found.missing})` : "";
  describe.skipIf(why !== "")(`docker actions by ${name}${why}`, () => {
    const image = "engine" in found ? found.engine.image : "";
    let subject: ContainerSubject;
    let machine: ExecutorSubject;
    let actions: ActionHost;

    beforeAll(async () => {
      if ("missing" in found) return;
      await using stack = new AsyncDisposableStack();
      const own = stack.use(await containerSubject(found.engine));
      const host = stack.use(await hostSubject());
      actions = stack.use(await actionHost());
      await using repository = await gitRepository();
      for (const file of ["pre.sh", "main.sh", "post.sh"]) await repository.commit({ [file]: "" }, file);
      await repository.commit(FILES(image), "an action");
      await repository.git("update-index", "--chmod=+x", "pre.sh", "main.sh", "post.sh");
      await repository.git("commit", "--quiet", "-m", "executable");
      await actions.add("image", repository);
      [subject, machine] = [own, host];
      const rest = stack.move();
      cleanup = async () => {
        const left = [...(await own.leftovers()), ...(await host.leftovers())];
        await rest.disposeAsync();
        expect(left).toEqual([]);
      };
    });

    let cleanup = () => Promise.resolve();
    afterAll(() => cleanup());

    async function run(label: string, keys: string, steps: string, cancelAt?: string) {
      const cancel = new AbortController();
      const text = `on: push\njobs:\n  one:\n    runs-on: x\n${keys}    steps:\n${steps}`;
      const { workflow, diagnostics } = parseWorkflow(text);
      const job = workflow?.jobs.get("one");
      if (workflow === undefined || job === undefined) throw new Error(JSON.stringify(diagnostics));
      const rows: string[] = [];
      const outcomes: string[] = [];
      const set = { host: machine.executor, [name]: subject.containers };
      const result = await runJob(
        {
          ...{ id: nextJobId(), workflow, job, conditionDecided: true, github: { repository: "o/r", event: { a: 1 } } },
          ...{
            inputs: {},
            vars: { IMAGE: image },
            secrets: {},
            needs: new Map(),
            matrix: {},
            strategy: {},
            lowEnv: {},
          },
          ...{ fixedEnv: {}, runner: { name: "one", version: "9", debug: false, arch: "X64" }, masks: [] },
          timeoutMs: 60_000,
        },
        {
          ...{ executor: chooseExecutor(set, parseLabels([label]), ["x"]), actions: actions.source() },
          ...{ clock: systemClock, ids: systemIds, logger: silentLogger, signal: cancel.signal },
          emit: (event) => {
            if (event.type === "line") rows.push(event.text);
            if (event.type === "line" && event.text === cancelAt) cancel.abort("cancelled");
            if (event.type === "step-finished") outcomes.push(event.outcome);
            if (event.type === "annotation") rows.push(`annotation ${event.annotation.message}`);
          },
        },
      );
      return { result, rows, outcomes };
    }

    const USE = `      - id: act
        uses: octo/image@main
        with: { who: me }
        env: { OF_STEP: high }
      - run: echo "out \${{ steps.act.outputs.said }} $FROM_ACTION $(cat made)"
`;

    it.each([
      ["on the host", "x:host", ""],
      ["in a job container", "x:host", "    container: '${{ vars.IMAGE }}'\n"],
    ])("builds and runs an action %s with its inputs, files, stages and outputs", async (_, label, keys) => {
      const { result, rows } = await run(label, keys, USE);
      expect({ result, rows: result === "success" ? [] : rows }).toEqual({ result: "success", rows: [] });
      const context = rows.find((row) => row.startsWith("context "));
      expect(context).toMatch(/^context .*\.\/secret-kept \.\/sub\/file $/);
      expect(context).not.toMatch(/secret\.txt|deep/);
      expect(rows).toEqual(
        expect.arrayContaining([
          "pre of me",
          "args: 2 me,two words input me env low high",
          "event is here",
          "annotation look at this",
          "out hello me yes content",
          "post of me with 1",
        ]),
      );
      expect(rows.find((row) => row.startsWith("in /"))).toMatch(
        / of \/github\/workspace home \/github\/home state 1$/,
      );
      if (keys !== "") return;
      const again = await run(label, keys, USE);
      expect([again.result, again.rows.includes("Building Dockerfile")]).toEqual(["success", false]);
    });

    it("runs an image with `entrypoint` and `args` of the step", async () => {
      const { result, rows } = await run(
        "x:host",
        "",
        `      - uses: docker://${image}\n        with: { entrypoint: /bin/echo, args: "say 'one word' \${{ vars.IMAGE }}" }\n` +
          `      - uses: docker://${image}\n        with: { args: "sh -c 'exit 3'" }\n        continue-on-error: true\n`,
      );
      expect(rows).toContain(`say one word ${image}`);
      expect([result, rows.some((row) => row.includes("exit code 3"))]).toEqual(["success", true]);
    });

    it("builds an action of the workspace when its turn comes, and not through a link out of it", async () => {
      const make = `      - run: |\n          mkdir local && cd local\n          printf 'FROM ${image}\\nCOPY run.sh /run.sh\\nENTRYPOINT ["sh", "/run.sh"]\\n' >Dockerfile\n          echo 'echo local says $INPUT_X' >run.sh\n`;
      const use = "      - uses: ./local\n        with: { x: '1' }\n";
      for (const keys of ["", "    container: '${{ vars.IMAGE }}'\n"]) {
        const { result, rows } = await run("x:host", keys, make + use);
        expect([result, rows.includes("local says 1")]).toEqual(["success", true]);
      }
      const link = "      - run: ln -s /etc local && ls local/ >/dev/null\n";
      const outside = await run("x:host", "    container: '${{ vars.IMAGE }}'\n", link + use);
      expect([outside.result, outside.outcomes.at(-1)]).toEqual(["failure", "failure"]);
    });

    it("a job cannot turn its folders into links that the engine follows on this machine", async () => {
      const swap = "      - run: rm -rf /__w/_temp/_github_workflow && ln -s / /__w/_temp/_github_workflow\n";
      const look = `      - uses: docker://${image}\n        with: { entrypoint: /bin/sh, args: "-c 'ls /github/workflow/'" }\n`;
      const { rows } = await run("x:host", "    container: '${{ vars.IMAGE }}'\n", swap + look);
      expect(rows).toContain("__w");
      expect(rows).not.toContain("work");
    });

    it("a cancel ends the container", async () => {
      const steps = `      - uses: docker://${image}\n        with: { entrypoint: /bin/sh, args: "-c 'echo begun; sleep 600'" }\n`;
      expect((await run("x:host", "", steps, "begun")).result).toBe("cancelled");
    });
  });
}
