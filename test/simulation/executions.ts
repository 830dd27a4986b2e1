import type { JobSpec, StepSpec } from "../../src/executors/executor.ts";
import type { FakeAnswer } from "../../src/executors/fake/fake-executor.ts";
import type { SimProcess } from "./sim-process.ts";

/** What a step is to do, as its variable `SIM` says it. */
export interface StepScript {
  readonly lines: number;
  readonly delayMs: number;
  readonly code: number;
}

/** One execution of a task by one process: what really happened, whatever the server thinks. */
export interface Execution {
  readonly id: string;
  readonly taskId: number;
  readonly runner: string;
  readonly process: SimProcess;
  readonly startedAt: number;
  /** What it printed, in order. */
  readonly lines: string[];
  /** Exit codes of the steps that began. */
  readonly exits: number[];
  endedAt: number | undefined;
}

/** All executions of a simulation. */
export class Executions {
  readonly all: Execution[] = [];

  /** A process begins with a task. */
  begin(job: JobSpec, runner: string, process: SimProcess): Execution {
    const taskId = Number(/^task-(\d+)-/.exec(job.id)?.[1]);
    const { now } = process.scheduler;
    const id = `x${this.all.length + 1}`;
    const execution: Execution = {
      ...{ id, taskId, runner, process, startedAt: now, lines: [], exits: [], endedAt: undefined },
    };
    this.all.push(execution);
    process.scheduler.note(`${process.name} begins ${execution.id} of task ${taskId}`);
    return execution;
  }

  /** It is over. */
  end(execution: Execution): void {
    execution.endedAt = execution.process.scheduler.now;
    execution.process.scheduler.note(`${execution.process.name} ends ${execution.id} of task ${execution.taskId}`);
  }

  /** Those that still run. */
  live(): Execution[] {
    return this.all.filter(({ process, endedAt }) => process.alive && endedAt === undefined);
  }

  ofTask(taskId: number): Execution[] {
    return this.all.filter((execution) => execution.taskId === taskId);
  }
}

/** What a step of an execution does. */
export function stepAnswer(execution: Execution, step: StepSpec): FakeAnswer {
  const { lines, delayMs, code } = JSON.parse(step.env["SIM"] ?? "{}") as StepScript;
  const print = function* () {
    for (let i = 0; i < lines; i++) {
      const line = `${execution.id} line ${execution.lines.length}`;
      execution.lines.push(line);
      yield line;
    }
  };
  const { random } = execution.process.scheduler;
  return {
    effect: async (environment) => {
      const file = step.env["GITHUB_OUTPUT"];
      execution.exits.push(code);
      if (file !== undefined) await environment.writeFile(file, `execution=${execution.id}\n`);
    },
    lines: print(),
    delayMs,
    code,
    killMs: random.chance(0.2) ? random.between(0, 9_000) : 0,
  };
}
