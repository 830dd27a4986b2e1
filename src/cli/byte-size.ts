import { InvalidArgumentError } from "commander";
import { parseSize } from "../executors/container/option-values.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes of `10g`, `512m` or `1048576`; for a flag. */
export function byteSize(text: string): number {
  try {
    return parseSize(text);
  } catch {
    throw new InvalidArgumentError("a size such as 512m or 10g is expected.");
  }
}

/** `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}
