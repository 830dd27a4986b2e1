import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Store } from "../storage/store.ts";
import type { Change, ChangeBus } from "./change-bus.ts";
import type { DispatchSettings } from "./dispatch-settings.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { TaskStreams } from "./task-streams.ts";

/** What remembers something that another replica may have changed. */
export interface FollowChangesDeps {
  readonly bus: ChangeBus;
  readonly store: Store;
  readonly log: Logger;
  readonly dispatcher: Dispatcher;
  readonly settings: DispatchSettings;
  readonly identity: RunnerIdentity;
  readonly openTasks: OpenTasks;
  readonly streams: TaskStreams;
}

/** Brings what this replica remembers in line with what others changed, until disposed. */
export function followChanges(deps: FollowChangesDeps): Disposable {
  return deps.bus.subscribe((changes) => {
    const waiting = changes.flatMap((change) => (change.kind === "job-waiting" ? [change.job] : []));
    if (waiting.length > 0) deps.dispatcher.jobsWaitElsewhere(waiting);
    for (const change of changes) {
      follow(deps, change).catch((error: unknown) => {
        // The reconciliation makes up for it.
        deps.log.warn({ change: change.kind, error: errorText(error) }, "a change of another replica was not followed");
      });
    }
  });
}

async function follow(deps: FollowChangesDeps, change: Change): Promise<void> {
  const { dispatcher, identity, settings, streams } = deps;
  switch (change.kind) {
    case "job-waiting":
      return;
    case "job-gone":
      return dispatcher.jobsGone([change.jobId]);
    case "task":
      return await followTask(deps, change.taskId, change.runnerId);
    case "runner":
      identity.forget(change.runnerId);
      return dispatcher.runnerChangedElsewhere(change.runnerId);
    case "result":
      streams.release(change.runnerId, change.taskId);
      return;
    case "held":
      streams.holds(change.runnerId, change.taskIds);
      return;
    case "stream":
      return streams.openedElsewhere(change.runnerId, change.openedAt);
    case "dispatch-rules":
      return await settings.load();
  }
}

/** A task that nobody here waits for is left to the next reconciliation. */
async function followTask({ openTasks, store, streams }: FollowChangesDeps, taskId: number, runnerId: number) {
  if (openTasks.get(taskId) === undefined && !streams.has(runnerId)) return;
  const open = await openTasks.lookUp(taskId);
  const task = open?.task ?? (await store.read.tasks.get(taskId));
  if (task !== undefined) streams.taskChanged(task);
}
