import { AppError } from "../../../src/lib/errors.ts";
import { isConclusion } from "../../../src/server/domain/run.ts";
import type { Task, TaskStep } from "../../../src/server/domain/task.ts";
import type { JobWrites, RunFilter, RunWrites, TaskWrites } from "../../../src/server/storage/store.ts";
import { deleteJob, deleteRun } from "./cascade.ts";
import { duplicate, type MemoryView, pageOf, tableOf } from "./memory-view.ts";

/** Runs. */
export function runTable(view: MemoryView): RunWrites {
  return tableOf<RunWrites>("run", {
    get: (id) => view.read(() => view.get("run", id)?.run),
    getMany: (ids) => view.read(() => ids.flatMap((id) => view.get("run", id)?.run ?? [])),
    list: ({ statuses, ownerIds, ...equal }, page) =>
      view.read(() => {
        const fields = Object.entries(equal) as [keyof Omit<RunFilter, "statuses" | "ownerIds">, unknown][];
        const runs = view.all("run").map(({ run }) => run);
        return pageOf(
          runs.filter(
            (run) =>
              (statuses === undefined || statuses.includes(run.status)) &&
              (ownerIds === undefined || ownerIds.includes(run.ownerId)) &&
              fields.every(([field, value]) => value === undefined || run[field] === value),
          ),
          page,
        );
      }),
    source: (id) =>
      view.read(() => {
        const row = view.get("run", id);
        if (row === undefined) throw new AppError("not_found", `run ${id} does not exist`);
        return row.source;
      }),
    called: (id) => view.read(() => view.get("run", id)?.called ?? []),
    insert: (run, source, called = []) =>
      view.change([`repository ${run.repositoryId}`], () => {
        const repository = view.get("repository", run.repositoryId);
        if (repository === undefined) throw new AppError("not_found", `repository ${run.repositoryId} does not exist`);
        const number = repository.runCounter + 1;
        view.put("repository", repository.id, { ...repository, runCounter: number });
        const row = { ...run, number, id: view.nextId("run") };
        view.put("run", row.id, { run: row, source, called });
        return row;
      }),
    update: (id, patch) =>
      view.change([`run ${id}`], () => {
        const row = view.get("run", id);
        if (row !== undefined) view.put("run", id, { ...row, run: { ...row.run, ...patch } });
      }),
    delete: (id) => view.change([`run ${id}`], () => deleteRun(view, id)),
    lock: (id) => view.change([`run ${id}`], () => view.get("run", id)?.run),
  });
}

/** Jobs. */
export function jobTable(view: MemoryView): JobWrites {
  return tableOf<JobWrites>("job", {
    get: (id) => view.read(() => view.get("job", id)),
    listByRun: (runId) => view.read(() => view.all("job").filter((job) => job.runId === runId)),
    list: ({ repositoryId, runId, ownerIds, statuses }, page) =>
      view.read(() =>
        pageOf(
          view
            .all("job")
            .filter(
              (job) =>
                (repositoryId === undefined || job.repositoryId === repositoryId) &&
                (runId === undefined || job.runId === runId) &&
                (ownerIds === undefined || ownerIds.includes(job.ownerId)) &&
                (statuses === undefined || statuses.includes(job.status)),
            ),
          page,
        ),
      ),
    listWaiting: (afterId, limit) =>
      view.read(() =>
        view
          .all("job")
          .filter(({ id, status }) => id > afterId && status === "waiting")
          .slice(0, limit),
      ),
    insertMany: (jobs) =>
      view.change([], () =>
        jobs.map((job) => {
          const row = { ...job, id: view.nextId("job") };
          view.put("job", row.id, row);
          return row;
        }),
      ),
    update: (id, from, patch) =>
      view.change([`job ${id}`], () => {
        const row = view.get("job", id);
        if (row === undefined || !from.includes(row.status)) return false;
        view.put("job", id, { ...row, ...patch });
        return true;
      }),
    delete: (id) => view.change([`job ${id}`], () => void deleteJob(view, id)),
  });
}

/** Tasks and their outputs. */
export function taskTable(view: MemoryView): TaskWrites {
  const tasks = (which: (task: Task) => boolean) =>
    view
      .all("task")
      .map(({ task }) => task)
      .filter(which);
  const isOpen = (task: Task) => !isConclusion(task.status);
  const patched = (id: number, patch: (task: Task) => Task) => {
    const row = view.get("task", id);
    if (row !== undefined) view.put("task", id, { ...row, task: patch(row.task) });
  };
  const outputs = (taskId: number) => view.all("output").filter((row) => row.taskId === taskId);
  return tableOf<TaskWrites>("task", {
    get: (id) => view.read(() => view.get("task", id)?.task),
    getMany: (ids) => view.read(() => ids.flatMap((id) => view.get("task", id)?.task ?? [])),
    findByTokenMac: (mac) => view.read(() => view.all("task").find((row) => row.tokenMac === mac)?.task),
    openOfRunner: (runnerId) => view.read(() => tasks((task) => task.runnerId === runnerId && isOpen(task))),
    listOpen: (afterId, limit) => view.read(() => tasks((task) => task.id > afterId && isOpen(task)).slice(0, limit)),
    listByJob: (jobId) => view.read(() => tasks((task) => task.jobId === jobId)),
    list: ({ runnerId, repositoryId, runId }, page) =>
      view.read(() =>
        pageOf(
          tasks(
            (task) =>
              (runnerId === undefined || task.runnerId === runnerId) &&
              (repositoryId === undefined || task.repositoryId === repositoryId) &&
              (runId === undefined || task.runId === runId),
          ),
          page,
        ),
      ),
    outputs: (taskId) => view.read(() => Object.fromEntries(outputs(taskId).map(({ name, value }) => [name, value]))),
    outputKeys: (taskId) => view.read(() => outputs(taskId).map(({ name }) => name)),
    insert: (task, tokenMac) => {
      const { jobId, attempt, delivery } = task;
      return view.change([`task of ${jobId} ${attempt} ${delivery}`], () => {
        const same = (old: Task) => old.jobId === jobId && old.attempt === attempt && old.delivery === delivery;
        if (tasks(same).length > 0) throw duplicate(`delivery ${delivery} of job ${jobId}`);
        const row = { ...task, id: view.nextId("task") };
        view.put("task", row.id, { task: row, tokenMac });
        return row;
      });
    },
    update: (id, patch) => view.change([`task ${id}`], () => patched(id, (task) => ({ ...task, ...patch }))),
    touch: (heartbeats) =>
      view.change(heartbeats.map(({ id }) => `task ${id}`).sort(), () => {
        for (const { id, heartbeatAt } of heartbeats) {
          patched(id, (task) =>
            isConclusion(task.status) ? task : { ...task, heartbeatAt: Math.max(task.heartbeatAt, heartbeatAt) },
          );
        }
      }),
    setToken: (id, tokenMac) =>
      view.change([`task ${id}`], () => {
        const row = view.get("task", id);
        if (row !== undefined) view.put("task", id, { ...row, tokenMac });
      }),
    saveSteps: (id, steps) =>
      view.change([`task ${id}`], () => patched(id, (task) => ({ ...task, steps: mergedSteps(task.steps, steps) }))),
    addOutputs: (taskId, values) =>
      view.change([`task ${taskId}`], () => {
        for (const [name, value] of Object.entries(values)) {
          const key = `${taskId} ${name}`;
          if (view.get("output", key) === undefined) view.put("output", key, { taskId, name, value });
        }
      }),
  });
}

function mergedSteps(stored: readonly TaskStep[], steps: readonly TaskStep[]): readonly TaskStep[] {
  const merged = new Map(stored.map((step) => [step.index, step]));
  for (const step of steps) merged.set(step.index, step);
  return [...merged.values()].sort((a, b) => a.index - b.index);
}
