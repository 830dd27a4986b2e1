import { describe, expect, it } from "vitest";
import { jobOf, runHostJob } from "../../support/host-job.ts";

const MATCHER = `      - run: |
          touch a.c
          cat > m.json <<'E'
          {"problemMatcher": [{"owner": "cc", "pattern": [
            {"regexp": "^(.+):(\\\\d+): (warning|error): (.*)$", "file": 1, "line": 2, "severity": 3, "message": 4}]}]}
          E
          echo "a.c:1: error: before"
          echo "::add-matcher::m.json"
          printf 'a.c:2: error: too \\033[31mlong\\033[0m\\n'
`;

describe("problem matchers", () => {
  it("make annotations of lines, in this step and the later ones, until they are removed", async () => {
    const { result, annotations, lines } = await runHostJob(
      jobOf(`${MATCHER}      - run: |
          echo "nowhere.c:3: warning: that"
          echo "::remove-matcher owner=cc::"
          echo "a.c:4: error: after"
`),
    );
    expect(result).toBe("success");
    expect(annotations).toEqual([
      { level: "error", file: "a.c", line: 2, message: "too long" },
      { level: "warning", line: 3, message: "that" },
    ]);
    expect(lines).toContain("a.c:1: error: before");
    expect(lines).toContain("##[error]a.c:2: error: too \x1b[31mlong\x1b[0m");
    expect(lines).toContain("##[warning]nowhere.c:3: warning: that");
    expect(lines).toContain("a.c:4: error: after");
  });

  it("are removed by their file too", async () => {
    const { annotations } = await runHostJob(
      jobOf(
        `${MATCHER}      - run: |\n          echo "::remove-matcher::m.json"\n          echo "a.c:4: error: after"\n`,
      ),
    );
    expect(annotations).toHaveLength(1);
  });

  it("share the limit of ten annotations with the commands of a step", async () => {
    const { annotations, lines } = await runHostJob(
      jobOf(`${MATCHER}          for i in 1 2 3 4 5 6; do echo "a.c:$i: error: m$i"; echo "::error::c$i"; done\n`),
    );
    expect(annotations).toHaveLength(10);
    expect(lines).toContain("##[error]a.c:6: error: m6");
  });

  it.each([
    ["a file that is not there", "::add-matcher::none.json", "there is no problem matcher"],
    ["a file outside of the job", "::add-matcher::/etc/passwd", "outside of the job's folders"],
    ["a file that is wrong", "::add-matcher::m.json", "it is not JSON"],
    ["nothing", "::add-matcher::", "needs a file"],
    ["neither owner nor file", "::remove-matcher::", "either an owner or a file"],
  ])("%s fails the step", async (_, command, words) => {
    const { result, lines } = await runHostJob(jobOf(`      - run: echo x > m.json; echo "${command}"\n`));
    expect(result).toBe("failure");
    expect(lines.filter((line) => line.startsWith("##[error]")).join("\n")).toContain(words);
  });
});
