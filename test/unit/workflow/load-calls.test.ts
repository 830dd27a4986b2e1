import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/lib/errors.ts";
import { linkCalls } from "../../../src/workflow/link-calls.ts";
import { loadCalls } from "../../../src/workflow/load-calls.ts";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";

const calls = (...names: string[]) =>
  `on: [push, workflow_call]\njobs:\n${names.map((name, index) => `  j${index}: { uses: ${name} }\n`).join("")}`;
const LEAF = "on: workflow_call\njobs:\n  a: { runs-on: x, steps: [{ run: echo }] }\n";
const local = (name: string | number) => `./.gitea/workflows/${name}.yml`;

async function findings(root: string, source: (name: string) => string | undefined) {
  const { workflow } = parseWorkflow(root);
  if (workflow === undefined) throw new Error("the workflow is wrong");
  const asked: string[] = [];
  const files = await loadCalls(workflow, async (name) => {
    asked.push(name);
    const text = source(name);
    if (text === undefined) throw new AppError("not_found", "it is not there");
    return parseWorkflow(text);
  });
  const { tree, diagnostics } = linkCalls(workflow, files);
  return { tree, asked, messages: diagnostics.map(({ file, message }) => `${file ?? "own"}: ${message}`) };
}

describe("the files that a workflow calls", () => {
  it("are read once each, and name their neighbours by their own repository and ref", async () => {
    const { tree, asked, messages } = await findings(
      calls("o/r/.github/workflows/a.yml@v1", local("b"), local("b")),
      (name) => (name.startsWith("o/r/.github/workflows/a") ? calls("./.github/workflows/c.yml") : LEAF),
    );
    expect(messages).toEqual([]);
    expect(asked).toEqual(["o/r/.github/workflows/a.yml@v1", local("b"), "o/r/.github/workflows/c.yml@v1"]);
    expect([...(tree?.calls.keys() ?? [])]).toEqual(["j0", "j1", "j2"]);
  });

  it("may stand nine levels deep, and no deeper", async () => {
    const chain = (levels: number) => (name: string) => {
      const level = Number(/(\d+)\.yml/.exec(name)?.[1]);
      return level === levels ? LEAF : calls(local(level + 1));
    };
    expect((await findings(calls(local(1)), chain(9))).messages).toEqual([]);
    expect((await findings(calls(local(1)), chain(10))).messages).toEqual([
      `${local(9)}: Nested reusable workflow depth exceeded 9; ${local(10)} is called too deep`,
    ]);
  });

  it("are refused with every mistake at its place", async () => {
    const { messages } = await findings(
      calls(local("missing"), "./elsewhere/x.yml", local("loop"), local("plain"), local("broken")),
      (name) =>
        ({
          [local("loop")]: calls(local("loop")),
          [local("plain")]: LEAF.replace("workflow_call", "push"),
          [local("broken")]: "on: workflow_call\njobs:\n  a: { steps: [] }\n",
        })[name],
    );
    expect(messages).toEqual([
      `own: The workflow ${local("missing")} cannot be called: it is not there`,
      expect.stringContaining("own: 'uses: ./elsewhere/x.yml' is not a workflow"),
      expect.stringContaining(`${local("loop")}: The workflow ${local("loop")} calls itself`),
      `own: The workflow ${local("plain")} cannot be called; give it 'on: workflow_call'`,
      expect.stringContaining(`${local("broken")}: Required property is missing: runs-on`),
    ]);
  });

  it("are at most fifty, with at most 256 jobs in all", async () => {
    const names = Array.from({ length: 51 }, (_, index) => local(index));
    expect((await findings(calls(...names), () => LEAF)).messages).toEqual([
      `own: The workflow ${local(50)} cannot be called: a run calls at most 50 files`,
    ]);
    const many = calls(...Array.from({ length: 20 }, () => local("twenty")));
    const twenty = calls(...Array.from({ length: 20 }, () => local("leaf")));
    const { messages } = await findings(many, (name) => (name === local("twenty") ? twenty : LEAF));
    expect(new Set(messages.map((message) => message.replace(/^.*?: /, "")))).toEqual(
      new Set(["The workflow may not contain more than 256 jobs"]),
    );
  });
});
