import { FakeExecutor } from "../../src/executors/fake/fake-executor.ts";
import type { ExecutorSubject } from "../support/executor-subject.ts";
import { executorContract } from "./executor.contract.ts";

/** The fake runs nothing, so its script has to understand the scripts of those tests that are not skipped. */
async function fakeSubject(): Promise<ExecutorSubject> {
  const executor = new FakeExecutor({
    answer: ({ argv, cwd }) => {
      const script = argv[2] ?? "";
      if (script.startsWith("sleep")) return { untilSignal: true };
      if (script.startsWith("test -e")) return { code: 1 };
      if (script === "cat mine list") return { lines: [cwd.slice(-1), "list", "mine"] };
      return { code: Number(/^exit (\d+)$/.exec(script)?.[1] ?? 0) };
    },
  });
  return {
    executor,
    leftovers: async () => executor.live.map(({ job }) => job.id),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

executorContract("fake", fakeSubject, {
  skip: [
    {
      reason: "the fake starts no process",
      tests: [
        "exec: a signal of somebody",
        "exec: hands arguments",
        "exec: hands values",
        "exec: names of variables",
        "exec: a step's variables",
        "exec: marks",
        "exec: runs in",
        "exec: standard input",
        "exec: steps of a job",
        "exec: a missing",
        "exec: a pseudo-terminal",
        "exec: without asking",
        "output:",
        "abort: a process that",
        "abort: SIG",
        "abort: ends",
        "abort: leaves",
        "abort: a sink",
        "prepare: the folders",
        "prepare: jobs at the same time",
        "dispose: ends",
        "dispose: during an exec",
        "dispose: while the sink",
      ],
    },
    {
      reason: "the fake keeps files in memory, and forgets them with the job",
      tests: ["prepare: the tool cache", "files: what", "files: a mode", "files: a link", "files: a fifo", "which:"],
    },
  ],
});
