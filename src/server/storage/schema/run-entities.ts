import { EntitySchema } from "typeorm";
import type { GroupMember } from "../../domain/concurrency-group.ts";
import type { Job, Run } from "../../domain/run.ts";
import type { Task } from "../../domain/task.ts";
import { flag, idColumn, integer, json, text } from "./columns.ts";

/** Runs; the row is the run. */
export const runEntity = new EntitySchema<Run>({
  name: "run",
  columns: {
    id: idColumn,
    repositoryId: integer("repository_id"),
    ownerId: integer("owner_id"),
    number: integer("run_number"),
    attempt: integer("attempt"),
    workflowPath: text("workflow_path"),
    workflowName: text("workflow_name"),
    title: text("title"),
    event: text("event_name"),
    eventPayload: json("event_payload"),
    ref: text("git_ref"),
    sha: text("sha"),
    actorId: integer("actor_id"),
    actorName: text("actor_name"),
    status: text("status"),
    createdAt: integer("created_at"),
    startedAt: integer("started_at", { nullable: true }),
    stoppedAt: integer("stopped_at", { nullable: true }),
  },
});

/** The workflow file of a run, and as JSON those that it calls. */
export const runSourceEntity = new EntitySchema<{ runId: number; source: string; called: string | null }>({
  name: "run_source",
  columns: {
    runId: integer("run_id", { primary: true }),
    source: text("source"),
    called: text("called", { nullable: true }),
  },
});

/** Jobs; the row is the job. */
export const jobEntity = new EntitySchema<Job>({
  name: "job",
  columns: {
    id: idColumn,
    runId: integer("run_id"),
    repositoryId: integer("repository_id"),
    ownerId: integer("owner_id"),
    key: text("job_key"),
    name: text("name"),
    needs: json("needs"),
    runsOn: json("runs_on"),
    leg: json("leg"),
    attempt: integer("attempt"),
    delivery: integer("delivery"),
    status: text("status"),
    cause: text("cause", { nullable: true }),
    message: text("message", { nullable: true }),
    continueOnError: flag("continue_on_error"),
    taskId: integer("task_id", { nullable: true }),
    priority: integer("priority"),
    outputs: json("outputs"),
    reservation: json("reservation", { nullable: true }),
    createdAt: integer("created_at"),
    readyAt: integer("ready_at", { nullable: true }),
    startedAt: integer("started_at", { nullable: true }),
    stoppedAt: integer("stopped_at", { nullable: true }),
  },
});

/** Members of concurrency groups. */
export const groupMemberEntity = new EntitySchema<GroupMember>({
  name: "group_member",
  columns: {
    id: idColumn,
    repositoryId: integer("repository_id"),
    groupName: text("group_name"),
    runId: integer("run_id"),
    jobId: integer("job_id", { nullable: true }),
    state: text("state"),
    holds: flag("holds"),
    due: flag("due"),
    keepsQueue: flag("keeps_queue"),
  },
});

/** Row of a task. */
export interface TaskRow extends Task {
  tokenMac: string | null;
}
/** Tasks. The steps are one JSON column: they are always read together and are few. */
export const taskEntity = new EntitySchema<TaskRow>({
  name: "task",
  columns: {
    id: idColumn,
    jobId: integer("job_id"),
    runId: integer("run_id"),
    repositoryId: integer("repository_id"),
    runnerId: integer("runner_id"),
    attempt: integer("attempt"),
    delivery: integer("delivery"),
    status: text("status"),
    cause: text("cause", { nullable: true }),
    acknowledgedAt: integer("acknowledged_at", { nullable: true }),
    offeredAt: integer("offered_at"),
    heartbeatAt: integer("heartbeat_at"),
    cancelSentAt: integer("cancel_sent_at", { nullable: true }),
    cancelTimeoutMs: integer("cancel_timeout_ms", { nullable: true }),
    startedAt: integer("started_at"),
    stoppedAt: integer("stopped_at", { nullable: true }),
    requestKey: text("request_key", { nullable: true }),
    tokenMac: text("token_mac", { nullable: true }),
    steps: json("steps"),
  },
});

/** One output of a task. */
export const taskOutputEntity = new EntitySchema<{ taskId: number; name: string; value: string }>({
  name: "task_output",
  columns: {
    taskId: integer("task_id", { primary: true }),
    name: text("name", { primary: true }),
    value: text("output_value"),
  },
});
