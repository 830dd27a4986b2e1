import type { LogRows } from "../../domain/log-rows.ts";

/** `2026-03-30T21:08:31.1234567Z ` */
const PREFIX_BYTES = 29;

/** Rows as Gitea writes them into log files: the time in UTC with seven digits, a space, the text. */
export function logLines({ count, times, text }: LogRows): Buffer {
  const lines = Buffer.allocUnsafe(text.length + count * PREFIX_BYTES);
  let second = Number.NaN;
  let secondText = "";
  let at = 0;
  for (let row = 0, start = 0; row < count; row++) {
    // Whole steps of 100 ns are beyond what a number holds, so the second and its part are looked at apart.
    const time = times[row] as number;
    const thisSecond = Math.floor(time / 1000);
    if (thisSecond !== second) {
      second = thisSecond;
      secondText = new Date(second * 1000).toISOString().slice(0, -4);
    }
    const fraction = Math.min(9_999_999, Math.round((time - second * 1000) * 10_000));
    at += lines.write(secondText, at, "latin1");
    for (let digit = 6, rest = fraction; digit >= 0; digit--) {
      lines[at + digit] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    at += 7;
    lines[at++] = 0x5a;
    lines[at++] = 0x20;
    const end = text.indexOf(0x0a, start) + 1;
    lines.set(text.subarray(start, end), at);
    at += end - start;
    start = end;
  }
  return lines.subarray(0, at);
}
