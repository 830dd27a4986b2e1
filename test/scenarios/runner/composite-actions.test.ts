import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ActionHost, actionHost } from "../../support/action-host.ts";
import { jobOf, runHostJob } from "../../support/host-job.ts";

describe("composite actions", () => {
  let host: ActionHost;

  beforeAll(async () => {
    host = await actionHost();
  });

  afterAll(() => host[Symbol.asyncDispose]());

  const run = (steps: string, rest?: string) => runHostJob(jobOf(steps, rest), { source: host.source() });
  const errors = (lines: readonly string[]) => lines.filter((line) => line.startsWith("##[error]"));

  it("has inputs with defaults, and outputs", async () => {
    const { result, lines, steps, stepLines } = await run(`      - id: a
        uses: octo/actions/composite@v1
      - uses: octo/actions/composite@v1
        id: b
        with: {WHO: you}
      - run: echo "\${{ steps.a.outputs.greeting }}, \${{ steps.b.outputs.greeting }}, \${{ steps.greet.outcome || 'hidden' }}"
`);
    expect(errors(lines)).toEqual([]);
    expect(result).toBe("success");
    expect(steps).toEqual(Array(3).fill("success/success"));
    expect(lines).toContain("hello octocat, hello you, hidden");
    expect(stepLines(1)).toContain("after script");
  });

  it("composite-fail-with-output: goes on for always() and failure(), and puts out what there is", async () => {
    const { result, lines, steps, stepLines } = await run(`      - id: a
        uses: octo/actions/composite@v1
        with: {command: exit 4}
      - run: echo "\${{ steps.a.outputs.greeting }} \${{ steps.a.outputs.inner }} \${{ steps.a.outcome }}"
        if: always()
`);
    expect(result).toBe("failure");
    expect(steps).toEqual(["failure/failure", "success/success"]);
    expect(lines).toContain("hello octocat failure/failure failure");
    expect(errors(lines)).toEqual(["##[error]Process completed with exit code 4."]);
    expect(stepLines(0)).not.toContain("after script");
    // the job itself has not failed while its step still runs
    expect(stepLines(0)).toContain("always after script, failure is success");
    expect(stepLines(0)).toContain("script of the action: true, secret 'none'");
  });

  it("looks at its own status, not at the job's", async () => {
    const { lines } = await run(`      - run: exit 1
      - uses: octo/actions/scopes@v1
        if: failure()
        with: {continue: true}
`);
    expect(lines).toContain("success() holds inside");
    expect(lines).not.toContain("cancelled() holds inside");
  });

  it("has its own steps and no secrets", async () => {
    const { lines, result } = await run(`      - id: outer
        run: echo "x=outer" >> $GITHUB_OUTPUT
      - id: same
        run: echo "x=job" >> $GITHUB_OUTPUT
      - id: action
        uses: octo/actions/scopes@v1
        with: {continue: true}
      - run: echo "saw \${{ steps.action.outputs.seen }}; here \${{ steps.same.outputs.x }}"
`);
    expect(result).toBe("success");
    expect(lines).toContain("saw nothing inner ''; here job");
  });

  it("gives variables their precedence, and leaks no step env", async () => {
    const { lines } = await run(
      `      - uses: octo/actions/show-env@v1
        env: {A: "step-\${{ env.A }}"}
      - run: echo "after A=$A B=$B C=$C"
`,
      "    env: {A: job, B: job}\n",
    );
    // A is set by the composite's own step, so that its GITHUB_ENV write shows only after it
    expect(lines).toContain("one A=step-job B=job C=");
    expect(lines).toContain("two A=step-job B=written C=inner context=step-job/written/inner");
    expect(lines).toContain("three A=step-job B=written C=");
    expect(lines).toContain("after A=written B=written C=");
  });

  it("calls others; their post stages run in reverse, for what was started", async () => {
    const { result, lines, steps, stepLines } = await run(
      "      - uses: octo/actions/outer@v1\n        with: {name: n}\n      - uses: octo/actions/posting@v1\n        with: {name: last}\n",
    );
    expect(result).toBe("success");
    expect(steps).toHaveLength(2);
    expect(stepLines(0).filter((line) => line.startsWith("main of"))).toEqual([
      "main of n-one",
      "main of n-two-inner",
      "main of n-three",
    ]);
    expect(lines.filter((line) => line.startsWith("post of"))).toEqual([
      "post of last",
      "post of n-three",
      "post of n-two-inner",
      "post of n-one",
    ]);
  });

  it("finds local actions from the workspace, and their post stages", async () => {
    const { result, lines } = await run(`      - run: |
          git clone -q ${host.url}/octo/actions src
          mkdir tools && mv src/posting tools/here
      - uses: octo/actions/calls-local@v1
`);
    expect(errors(lines)).toEqual([]);
    expect(result).toBe("success");
    expect(lines).toContain("main of ");
    expect(lines).toContain("post of ");
  });

  it("reads action.yaml", async () => {
    expect((await run("      - uses: octo/actions/yaml@v1\n")).lines).toContain("action.yaml was read");
  });

  it("ends with the limit of its step", async () => {
    const { result, steps, lines } = await run(`      - uses: octo/actions/slow@v1
        timeout-minutes: 0.01
      - run: echo after
        if: failure()
`);
    expect(result).toBe("failure");
    expect(steps).toEqual(["failure/failure", "success/success"]);
    expect(errors(lines)).toEqual(["##[error]The step has timed out after 0.01 minutes."]);
    expect(lines).not.toContain("never");
  });

  it("ends with a cancel of the job", async () => {
    const { result, steps, lines } = await runHostJob(jobOf("      - uses: octo/actions/slow@v1\n"), {
      source: host.source(),
      onLine: (text) => (text === "slow step runs" ? "cancel" : undefined),
    });
    expect(result).toBe("cancelled");
    expect(steps).toEqual(["cancelled/cancelled"]);
    expect(lines).not.toContain("never");
  });
});
