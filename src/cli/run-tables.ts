import type { Colours } from "./colours.ts";
import type { RestJob, RestRun, RestState, RestStep } from "./rest-types.ts";
import { statePaint, stateWord } from "./state-words.ts";
import { type Column, formatAge, formatDuration } from "./table.ts";

/** Columns of a list of runs. */
export function runColumns(colours: Colours, now: number): readonly Column<RestRun>[] {
  return [
    { heading: "ID", text: (run) => String(run.id) },
    stateColumn(colours),
    { heading: "REPOSITORY", text: (run) => run.repository?.full_name ?? "-" },
    { heading: "WORKFLOW", text: (run) => workflowName(run) },
    { heading: "EVENT", text: (run) => run.event },
    { heading: "BRANCH", text: (run) => run.head_branch },
    { heading: "AGE", text: (run) => formatAge(run.created_at ?? run.started_at, now) },
    { heading: "TITLE", text: (run) => run.display_title },
  ];
}

/** Columns of a list of jobs. */
export function jobColumns(colours: Colours, now: number): readonly Column<RestJob>[] {
  return [
    { heading: "ID", text: (job) => String(job.id) },
    { heading: "RUN", text: (job) => String(job.run_id) },
    stateColumn(colours),
    { heading: "NAME", text: (job) => job.name },
    { heading: "RUNNER", text: (job) => job.runner_name || "-" },
    { heading: "LABELS", text: (job) => job.labels.join(",") },
    { heading: "TIME", text: (job) => spent(job, now) },
  ];
}

/** Columns of the steps of a job. */
export function stepColumns(colours: Colours, now: number): readonly Column<RestStep>[] {
  return [
    { heading: "STEP", text: (step) => String(step.number) },
    stateColumn(colours),
    { heading: "TIME", text: (step) => spent(step, now) },
    { heading: "NAME", text: (step) => step.name },
  ];
}

/** File name of a run's workflow: the last part of `.gitea/workflows/ci.yml@refs/heads/main`. */
export function workflowName(run: RestRun): string {
  return (run.path.split("@")[0] ?? run.path).split("/").at(-1) ?? run.path;
}

/** How long something has been running or ran. */
export function spent(
  times: { readonly started_at?: string | null | undefined; readonly completed_at?: string | null | undefined },
  now: number,
): string {
  const from = Date.parse(times.started_at ?? "");
  const to = Date.parse(times.completed_at ?? "");
  if (!(from > 0)) return "-";
  return formatDuration(Math.max(0, (to > 0 ? to : now) - from));
}

function stateColumn<Row extends RestState>(colours: Colours): Column<Row> {
  return { heading: "STATUS", text: stateWord, paint: (row) => statePaint(row, colours) };
}
