import { setFlagsFromString } from "node:v8";

/**
 * Keeps the heap from growing any further than it has to. By default its part for new objects grows to 32 MiB while
 * modules are loaded, and to 128 MiB with the flow of lines on a large machine, and the rest is only collected when it
 * has become several times as large, and buffers outside the heap with it. Collecting both more often costs little.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=15");
}
