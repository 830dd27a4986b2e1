import type { TextOutput } from "./cli-context.ts";
import type { Colours, Paint } from "./colours.ts";
import { parseLogRow, renderLogRow } from "./render-log-line.ts";
import { sanitize } from "./sanitize.ts";

/** Prints the rows of several jobs into one stream, each with its job's name before it. */
export class JobLines {
  readonly #output: TextOutput;
  readonly #colours: Colours;
  readonly #paints: readonly Paint[];
  readonly #names = new Map<string, Paint>();
  readonly #inGroup = new Set<string>();
  #width = 0;

  constructor(output: TextOutput, colours: Colours) {
    this.#output = output;
    this.#colours = colours;
    this.#paints = [colours.cyan, colours.magenta, colours.blue, colours.yellow, colours.green];
  }

  /** Makes the prefix wide enough for these names from now on. */
  announce(names: readonly string[]): void {
    for (const name of names) this.#width = Math.min(40, Math.max(this.#width, sanitize(name).length));
  }

  /** Prints one row of a job's log; what stands in a group is indented. */
  row(job: string, text: string): void {
    const row = parseLogRow(text);
    if (row.kind === "group" || row.kind === "end-group") this.#inGroup.delete(job);
    const indent = this.#inGroup.has(job) ? "  " : "";
    for (const line of renderLogRow(row, this.#colours)) this.#print(job, indent + line);
    if (row.kind === "group") this.#inGroup.add(job);
  }

  /** Prints a remark of ours on a job, such as its result. */
  remark(job: string, text: string, paint: Paint): void {
    this.#print(job, paint(`* ${sanitize(text)}`));
  }

  #print(job: string, line: string): void {
    const name = sanitize(job);
    let paint = this.#names.get(name);
    if (paint === undefined) {
      paint = this.#paints[this.#names.size % this.#paints.length] as Paint;
      this.#names.set(name, paint);
      this.announce([name]);
    }
    this.#output.write(`${paint(`${name.padEnd(this.#width)} |`)} ${line}`.trimEnd().concat("\n"));
  }
}
