import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ActionHost, actionHost } from "../../support/action-host.ts";
import { jobOf, runHostJob } from "../../support/host-job.ts";

describe("JavaScript actions", () => {
  let host: ActionHost;

  beforeAll(async () => {
    host = await actionHost();
  });

  afterAll(() => host[Symbol.asyncDispose]());

  const run = (steps: string, rest?: string) => runHostJob(jobOf(steps, rest), { source: host.source() });
  const errors = (lines: readonly string[]) => lines.filter((line) => line.startsWith("##[error]"));

  it("runs pre, main and post with inputs, state and the action's own place", async () => {
    const { result, lines, stepLines } = await run(`      - id: greet
        uses: octo/actions/javascript@v1
        with:
          With-Dash: \${{ github.actor }}
      - run: echo "got \${{ steps.greet.outputs.greeting }}; path '$GITHUB_ACTION_PATH' and state '$STATE_seen'"
`);
    expect(errors(lines)).toEqual([]);
    expect(result).toBe("success");
    expect(lines).toContain("pre who=octo/repo dash=octocat two=blank");
    expect(lines).toContain("pre seen=nothing printed=nothing");
    expect(lines).toContain("pre in javascript of 'octo/actions' at 'v1'");
    expect(lines).toContain("main cwd is workspace: true");
    expect(lines).toContain("main seen=pre, printed=pre");
    expect(lines).toContain("post seen=pre,main, printed=main");
    expect(lines).toContain("got hello octo/repo; path '' and state ''");
    expect(lines).toContain("Pre Run octo/actions/javascript@v1");
    expect(stepLines(0)).toContain("main who=octo/repo dash=octocat two=blank");
    expect(stepLines(0).join("\n")).not.toContain("post who");
  });

  it("evaluates 'with' anew for every stage", async () => {
    const { lines } = await run(`      - uses: octo/actions/javascript@v1
        with:
          who: now \${{ steps.later.outputs.x }}
      - id: later
        run: echo "x=known" >> $GITHUB_OUTPUT
`);
    expect(lines).toContain("pre who=now  dash= two=blank");
    expect(lines).toContain("main who=now  dash= two=blank");
    expect(lines).toContain("post who=now known dash= two=blank");
  });

  it("keeps the state of each step to itself (GITHUB_STATE)", async () => {
    const { lines } = await run(
      "      - uses: octo/actions/javascript@v1\n        with: {who: a}\n      - uses: octo/actions/javascript@v1\n        with: {who: b}\n",
    );
    expect(lines.filter((line) => line.startsWith("post seen"))).toEqual(
      Array(2).fill("post seen=pre,main, printed=main"),
    );
  });

  it("an exit code fails the step; outputs stay, and post runs", async () => {
    const { result, steps, lines } = await run(`      - id: bad
        uses: octo/actions/javascript@v1
        with: {fail: true}
      - run: echo "still \${{ steps.bad.outputs.greeting }}"
        if: failure()
`);
    expect(result).toBe("failure");
    expect(steps).toEqual(["failure/failure", "success/success"]);
    expect(lines).toContain("##[error]Process completed with exit code 3.");
    expect(lines).toContain("still hello octo/repo");
    expect(lines).toContain("post seen=pre,main, printed=main");
  });

  it("honours pre-if and post-if", async () => {
    const step = "      - uses: octo/actions/conditional@v1\n";
    const green = await run(step);
    expect(green.lines.filter((line) => line === "conditional of conditional")).toHaveLength(1);
    const red = await run(`${step}      - run: exit 1\n`);
    expect(red.lines.filter((line) => line === "conditional of conditional")).toHaveLength(2);
  });

  it("runs post stages in reverse, and only for what was started", async () => {
    const step = (name: string, more = "") =>
      `      - uses: octo/actions/posting@v1\n        with: {name: ${name}}\n${more}`;
    const { lines } = await run(step("a") + step("b") + step("c", "        if: false\n"));
    expect(lines.filter((line) => line.startsWith("post of"))).toEqual(["post of b", "post of a"]);
  });

  it("warns of inputs that are unknown or deprecated", async () => {
    const { lines } = await run("      - uses: octo/actions/javascript@v1\n        with: {old: x, other: y}\n");
    expect(lines).toContain(
      "##[warning]Unexpected input(s) 'other', valid inputs are ['who', 'with-dash', 'two words', 'old', 'fail']",
    );
    expect(lines).toContain("##[warning]Input 'old' has been deprecated with message: use who");
  });

  it("runs an action of the workspace, without its pre stage", async () => {
    const { result, lines } = await run(`      - run: git clone -q ${host.url}/octo/actions .
      - uses: ./javascript
`);
    expect(result).toBe("success");
    expect(lines).toContain("##[warning]`pre` execution is not supported for local action from './javascript'");
    expect(lines).toContain("main in javascript of '' at ''");
    expect(lines).toContain("main seen=nothing printed=nothing");
    expect(lines).toContain("post seen=main, printed=main");
  });

  it.each([
    ["an unknown Node", "octo/actions/unknown-node@v1", "node99"],
    ["a path that is not there", "octo/actions/none@v1", "neither an action.yml nor an action.yaml nor a Dockerfile"],
    ["a ref that is not there", "octo/actions/javascript@v9", "neither a tag nor a branch 'v9'"],
    ["a repository that is not there", "octo/none@v1", "octo/none"],
    ["a composite step without a shell", "octo/actions/no-shell@v1", "missing: shell"],
    ["composite actions without an end", "octo/actions/endless@v1", "nested too deep"],
    ["an image", "docker://alpine:3", "needs a container engine"],
    ["a Dockerfile", "octo/actions/with-dockerfile@v1", "needs a container engine"],
  ])("%s fails the job before its first step", async (_, uses, words) => {
    const { result, steps, lines } = await run(
      `      - run: echo never\n        if: always()\n      - uses: ${uses}\n`,
    );
    expect(result).toBe("failure");
    expect(steps).toEqual([]);
    expect(errors(lines).join("\n")).toContain(words);
  });

  it.each([["a folder that is not there", "./nowhere", "that a checkout runs before it"]])(
    "%s fails its step",
    async (_, uses, words) => {
      const { result, steps, lines } = await run(`      - uses: ${uses}\n      - run: echo\n        if: always()\n`);
      expect(result).toBe("failure");
      expect(steps).toEqual(["failure/failure", "success/success"]);
      expect(errors(lines).join("\n")).toContain(words);
    },
  );
});
