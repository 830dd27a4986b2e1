import { AppError } from "../../lib/errors.ts";
import { nearestName } from "../../lib/nearest-name.ts";
import { parseSchedule, type Schedule } from "../../lib/schedule.ts";
import type { CleanUp, CleanUpSettings } from "./clean-up.ts";
import type { CronJob } from "./cron-runner.ts";

/** The periodic jobs, with Gitea's names and schedules where it has them. */
const DEFAULTS = {
  stop_zombie_tasks: "@every 5m",
  stop_endless_tasks: "@every 30m",
  cancel_abandoned_jobs: "@every 6h",
  cleanup_ephemeral_runners: "@every 15m",
  cleanup_offline_runners: "@midnight",
  cleanup_expired_logs: "@midnight",
  cleanup_old_rows: "@midnight",
} as const;

type Name = keyof typeof DEFAULTS;

/** The schedule of each periodic job; null: it is only done on request. */
export type CleanUpSchedules = Readonly<Record<Name, Schedule | null>>;

/**
 * Reads schedules by name; those that are not named have their default. `off` switches one off.
 * @throws AppError invalid for a name or a schedule that is not known
 */
export function cleanUpSchedules(given: Readonly<Record<string, string>>): CleanUpSchedules {
  const names = Object.keys(DEFAULTS);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const nearest = nearestName(name, names);
    const remedy = nearest === undefined ? `there are ${names.join(", ")}` : `did you mean ${nearest}?`;
    throw new AppError("invalid", `there is no periodic job ${name}; ${remedy}`);
  }
  const read = (name: Name): Schedule | null => {
    const text = given[name] ?? DEFAULTS[name];
    if (text === "off") return null;
    const schedule = parseSchedule(text);
    if (schedule !== undefined) return schedule;
    const forms = "five fields as in crontab(5), @midnight, @every 5m, or off";
    throw new AppError("invalid", `the schedule "${text}" of ${name} is none; write ${forms}`);
  };
  return Object.fromEntries(names.map((name) => [name, read(name as Name)])) as CleanUpSchedules;
}

/** The periodic jobs of a server. Offline runners are only looked for where an age is set. */
export function cleanUpJobs(cleanUp: CleanUp, schedules: CleanUpSchedules, settings: CleanUpSettings): CronJob[] {
  const work: Readonly<Record<Name, CronJob["run"]>> = {
    stop_zombie_tasks: (options) => cleanUp.zombieTasks(options),
    stop_endless_tasks: (options) => cleanUp.endlessTasks(options),
    cancel_abandoned_jobs: (options) => cleanUp.abandonedJobs(options),
    cleanup_ephemeral_runners: (options) => cleanUp.ephemeralRunners(options),
    cleanup_offline_runners: (options) => cleanUp.offlineRunners(options),
    cleanup_expired_logs: (options) => cleanUp.expiredLogs(options),
    cleanup_old_rows: (options) => cleanUp.oldRows(options),
  };
  return (Object.keys(work) as Name[]).map((name) => {
    const isOff = name === "cleanup_offline_runners" && settings.offlineRunnerMs === null;
    return { name, schedule: isOff ? null : schedules[name], run: work[name] };
  });
}
