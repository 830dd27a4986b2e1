/** Decides which variables of the runner's own process its jobs may see. */
export type PassVariable = (name: string) => boolean;

/**
 * The default: everything except the runner's own settings and credentials, which are the names that begin with
 * `ACT_RUNNER_` or `GITEA_RUNNER_` and the names that end in `_TOKEN`.
 */
export function passedByDefault(name: string): boolean {
  const upper = name.toUpperCase();
  return !upper.startsWith("ACT_RUNNER_") && !upper.startsWith("GITEA_RUNNER_") && !upper.endsWith("_TOKEN");
}

/** The part of an environment that is passed on. */
export function passedVariables(
  environment: Readonly<Record<string, string | undefined>>,
  passes: PassVariable,
): Record<string, string> {
  const entries = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => passes(name)));
}
