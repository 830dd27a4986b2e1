import { setFlagsFromString } from "node:v8";

/**
 * Keeps the part of the heap for new objects from growing any further. By default it grows to 32 MiB while modules are
 * loaded, and to 128 MiB with the flow of lines on a large machine, full of rows that were sent long ago; collecting it
 * more often costs next to nothing.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
