import { parseDuration } from "./duration.ts";

/** When something is due, again and again. */
export interface Schedule {
  /** As it was written. */
  readonly text: string;
  /** The first moment after `after`, both epoch ms; infinite when there is none (30 February). */
  next(after: number): number;
}

const MINUTE_MS = 60_000;
/** A leap day comes at the latest after so long. */
const HORIZON_YEARS = 9;
const WORDS: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** Bounds of the five fields: minute, hour, day of the month, month, day of the week (7 is Sunday, too). */
const FIELDS = [
  { low: 0, high: 59, names: [] },
  { low: 0, high: 23, names: [] },
  { low: 1, high: 31, names: [] },
  { low: 1, high: 12, names: MONTHS },
  { low: 0, high: 7, names: DAYS },
] as const;

/**
 * Reads a schedule: the five fields of crontab(5) in the machine's time zone, `@midnight` and its like, or `@every 5m`,
 * which falls on whole multiples of its duration since the epoch, so that several servers agree on it.
 * @returns undefined when the text is none
 */
export function parseSchedule(text: string): Schedule | undefined {
  const trimmed = text.trim().toLowerCase();
  if (trimmed.startsWith("@every ")) {
    const every = parseDuration(trimmed.slice("@every ".length));
    if (every === undefined || every < 1_000) return undefined;
    return { text, next: (after) => (Math.floor(after / every) + 1) * every };
  }
  const fields = (WORDS[trimmed] ?? trimmed).split(/\s+/);
  if (fields.length !== FIELDS.length) return undefined;
  const sets = FIELDS.map((field, index) => readField(fields[index] ?? "", field));
  const [minutes, hours, days, months, weekdays] = sets;
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  if (weekdays.has(7)) weekdays.add(0);
  // As cron does: where both are limited, one of them is enough.
  const anyDay = fields[2]?.startsWith("*") === true;
  const anyWeekday = fields[4]?.startsWith("*") === true;
  const fits = (at: Date) => {
    const [day, weekday] = [days.has(at.getDate()), weekdays.has(at.getDay())];
    return anyDay || anyWeekday ? day && weekday : day || weekday;
  };
  return { text, next: (after) => nextFit({ minutes, hours, months, fits }, after) };
}

interface Limits {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly fits: (day: Date) => boolean;
}

/** Steps on by the largest unit that does not fit. */
function nextFit({ minutes, hours, months, fits }: Limits, after: number): number {
  const at = new Date((Math.floor(after / MINUTE_MS) + 1) * MINUTE_MS);
  const end = at.getFullYear() + HORIZON_YEARS;
  while (at.getFullYear() <= end) {
    if (!months.has(at.getMonth() + 1)) {
      at.setMonth(at.getMonth() + 1, 1);
      at.setHours(0, 0, 0, 0);
    } else if (!fits(at)) {
      at.setDate(at.getDate() + 1);
      at.setHours(0, 0, 0, 0);
    } else if (!hours.has(at.getHours())) at.setTime(at.getTime() + (60 - at.getMinutes()) * MINUTE_MS);
    else if (!minutes.has(at.getMinutes())) at.setTime(at.getTime() + MINUTE_MS);
    else return at.getTime();
  }
  return Number.POSITIVE_INFINITY;
}

/** The numbers of a field such as `*`, `1-5`, `mon,wed` or `0-30/10`; undefined when it is wrong. */
function readField(
  text: string,
  { low, high, names }: { readonly low: number; readonly high: number; readonly names: readonly string[] },
): Set<number> | undefined {
  const found = new Set<number>();
  const number = (word: string) => {
    const name = names.indexOf(word);
    if (name >= 0) return name + low;
    return /^[0-9]{1,2}$/.test(word) ? Number(word) : Number.NaN;
  };
  for (const part of text.split(",")) {
    const [range = "", step, ...rest] = part.split("/");
    const [first = "", last, ...more] = range.split("-");
    const from = range === "*" ? low : number(first);
    const to = range === "*" || (last === undefined && step !== undefined) ? high : number(last ?? first);
    const by = step === undefined ? 1 : /^[0-9]{1,2}$/.test(step) ? Number(step) : Number.NaN;
    const isRange = rest.length === 0 && more.length === 0 && from >= low && from <= to && to <= high && by >= 1;
    if (!isRange) return undefined;
    for (let value = from; value <= to; value += by) found.add(value);
  }
  return found;
}
