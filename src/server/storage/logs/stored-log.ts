import type { StoredLog } from "./log-messages.ts";
import { PLACE } from "./log-place.ts";

/** A row of the table `log`, in either database; undefined stands for a log that does not exist. */
export function storedLog(row: Readonly<Record<string, unknown>> | undefined): StoredLog {
  const place = Number(row?.["place"] ?? PLACE.segments);
  const expired = place === PLACE.expired;
  return {
    rows: expired ? 0 : Number(row?.["row_count"] ?? 0),
    bytes: expired ? 0 : Number(row?.["byte_count"] ?? 0),
    finished: Number(row?.["finished"] ?? 0) === 1,
    capped: Number(row?.["capped"] ?? 0) === 1,
    expired,
    place,
  };
}

/** Whether readers find the rows in the blob. */
export function isInBlob({ place }: StoredLog): boolean {
  return place === PLACE.sweeping || place === PLACE.blob;
}
