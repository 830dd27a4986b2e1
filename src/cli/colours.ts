import type { CliContext, TextOutput } from "./cli-context.ts";

/** Paints a piece of text, or gives it back unchanged where colours are off. */
export type Paint = (text: string) => string;

/** The few colours that the commands use. */
export interface Colours {
  readonly enabled: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly cyan: Paint;
  readonly magenta: Paint;
}

/**
 * Whether to colour: FORCE_COLOR (unless empty, `0` or `false`) wins, then NO_COLOR (unless empty), then whether it is a terminal.
 * Follows https://no-color.org and https://force-color.org.
 */
export function wantsColours(env: CliContext["env"], output: TextOutput): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return false;
  return output.isTTY === true;
}

/** Colours for one output. */
export function makeColours(enabled: boolean): Colours {
  const paint =
    (open: number, close: number): Paint =>
    (text) =>
      enabled && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    enabled,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    blue: paint(34, 39),
    cyan: paint(36, 39),
    magenta: paint(35, 39),
  };
}

/** Colours for an output as the environment and the output want them. */
export function outputColours(env: CliContext["env"], output: TextOutput): Colours {
  return makeColours(wantsColours(env, output));
}
