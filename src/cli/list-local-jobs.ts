import type { LocalWorkflowFile } from "../runner/local-workflows.ts";
import type { Workflow } from "../workflow/model.ts";
import { parseWorkflow } from "../workflow/parse-workflow.ts";
import type { CliContext } from "./cli-context.ts";
import { printJson } from "./client-options.ts";
import { formatDiagnostics } from "./exec-printer.ts";
import { formatTable } from "./table.ts";

/** One job of a workflow file, in the order it would run. */
interface ListedJob {
  readonly workflow: string;
  readonly file: string;
  readonly job: string;
  readonly needs: readonly string[];
  readonly events: readonly string[];
}

/** Prints the jobs of workflow files in the order of their needs; findings go to stderr and an error makes the exit code 1. */
export function listLocalJobs(
  files: readonly LocalWorkflowFile[],
  options: { readonly json?: boolean; readonly event?: string },
  context: CliContext,
): void {
  const jobs: ListedJob[] = [];
  for (const { path, source } of files) {
    const { workflow, diagnostics } = parseWorkflow(source);
    for (const line of formatDiagnostics(path, diagnostics)) context.stderr.write(`${line}\n`);
    if (workflow === undefined) context.setExitCode(1);
    else if (options.event === undefined || workflow.on.has(options.event)) jobs.push(...jobsOf(path, workflow));
  }
  if (options.json) {
    printJson(context.stdout, jobs);
    return;
  }
  const columns = [
    { heading: "WORKFLOW", text: (job: ListedJob) => job.workflow },
    { heading: "JOB", text: (job: ListedJob) => job.job },
    { heading: "NEEDS", text: (job: ListedJob) => job.needs.join(",") || "-" },
    { heading: "EVENTS", text: (job: ListedJob) => job.events.join(",") },
    { heading: "FILE", text: (job: ListedJob) => job.file },
  ];
  context.stdout.write(formatTable(columns, jobs));
}

function jobsOf(file: string, workflow: Workflow): readonly ListedJob[] {
  const events = [...workflow.on.keys()];
  const ordered: string[] = [];
  const visit = (id: string, path: readonly string[]) => {
    if (ordered.includes(id) || path.includes(id)) return;
    for (const need of workflow.jobs.get(id)?.needs ?? []) visit(need, [...path, id]);
    ordered.push(id);
  };
  for (const id of workflow.jobs.keys()) visit(id, []);
  return ordered.map((job) => ({
    workflow: workflow.name ?? file,
    file,
    job,
    needs: workflow.jobs.get(job)?.needs ?? [],
    events,
  }));
}
