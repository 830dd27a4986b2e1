import type { WantedGroup } from "../../workflow/concurrency.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import { type GroupMember, joinGroup, nextInGroup } from "../domain/concurrency-group.ts";
import { isConclusion, type Job, type Run } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";
import type { GroupAdmission, GroupWish } from "./group-wishes.ts";
import { prefixBelow } from "./job-scope.ts";

/** How a run stands in its concurrency groups. */
export interface GroupStanding {
  /** Of the run itself; undefined when it is in no group. */
  readonly run: GroupMember | undefined;
  readonly admission: GroupAdmission;
}

/** Whether any of the files speaks of concurrency groups; the others need not be asked for. */
export function usesGroups({ workflow, calls }: WorkflowTree): boolean {
  return (
    workflow.concurrency !== undefined ||
    [...workflow.jobs.values()].some((job) => job.concurrency !== undefined) ||
    [...calls.values()].some(usesGroups)
  );
}

/** How a run stands in its groups. */
export function standingOf(members: readonly GroupMember[]): GroupStanding {
  const ofJobs = Map.groupBy(members, (member) => member.jobId);
  const run = ofJobs.get(null)?.[0];
  ofJobs.delete(null);
  const admitted = new Set<number>();
  const waiting = new Set<number>();
  for (const [jobId, own] of ofJobs) {
    if (jobId === null) continue;
    (own.every((member) => member.state === "active") ? admitted : waiting).add(jobId);
  }
  return { run, admission: { admitted, waiting } };
}

/** What became of a wish for groups. */
export type Joined =
  | { readonly kind: "active" | "pending"; readonly member: GroupMember; readonly moved: boolean }
  /** What holds the group waits for the end of the one that asks. */
  | { readonly kind: "deadlock"; readonly name: string };

/**
 * Lets a run or a job join a group; the caller has the lock of the run. `moved`: other runs have to be told.
 * @param callers ids of the jobs that called the one that asks
 */
export async function joinOne(
  tx: WriteTables,
  holder: Pick<GroupMember, "repositoryId" | "runId" | "jobId">,
  wanted: WantedGroup,
  callers: readonly number[] = [],
): Promise<Joined> {
  await tx.groups.lock(holder.repositoryId);
  const { name: groupName, keepsQueue } = wanted;
  const members = await tx.groups.members(holder.repositoryId, groupName);
  const waitsForUs = members.some(
    ({ runId, jobId }) => runId === holder.runId && (jobId === null || callers.includes(jobId)),
  );
  if (holder.jobId !== null && waitsForUs) return { kind: "deadlock", name: groupName };
  const { state, superseded } = joinGroup(members, wanted);
  for (const { id } of superseded) await tx.groups.update(id, { state: "superseded", due: true });
  const member = await tx.groups.insert({
    ...holder,
    groupName,
    keepsQueue,
    state,
    holds: state === "active",
    due: false,
  });
  return { kind: state, member, moved: superseded.length > 0 };
}

/** Lets a job join its groups. @returns a sentence when it never can */
export async function joinAll(
  tx: WriteTables,
  { job, groups }: GroupWish,
  jobs: readonly Job[],
): Promise<{ readonly problem?: string; readonly moved: boolean }> {
  const { repositoryId, runId } = job;
  const callers = jobs.filter((other) => job.key.startsWith(prefixBelow(other))).map(({ id }) => id);
  let moved = false;
  for (const group of groups) {
    const joined = await joinOne(tx, { repositoryId, runId, jobId: job.id }, group, callers);
    if (joined.kind === "deadlock") {
      const problem = `the job waits for the concurrency group '${joined.name}', which its own run or its caller holds; give the two different groups`;
      return { problem, moved };
    }
    moved ||= joined.moved;
  }
  return { moved };
}

/** Takes what has ended out of its groups and lets the next in. @returns whether other runs have to be told */
export async function leaveEnded(tx: WriteTables, run: Run): Promise<boolean> {
  const members = await tx.groups.ofRun(run.id);
  if (members.length === 0) return false;
  const jobs = new Map((await tx.jobs.listByRun(run.id)).map((job) => [job.id, job]));
  const runEnded = [...jobs.values()].every((job) => isConclusion(job.status));
  const ended = members.filter(({ jobId }) => {
    const job = jobId === null ? undefined : jobs.get(jobId);
    return jobId === null ? runEnded : job === undefined || isConclusion(job.status);
  });
  if (ended.length === 0) return false;
  await tx.groups.lock(run.repositoryId);
  let moved = false;
  for (const { id, groupName } of ended) {
    await tx.groups.delete(id);
    const next = nextInGroup(await tx.groups.members(run.repositoryId, groupName));
    if (next === undefined) continue;
    await tx.groups.update(next.id, { state: "active", holds: true, due: true });
    moved = true;
  }
  return moved;
}
