/** The layers of a step's environment, the weakest first; see `composeStepEnv`. */
export interface EnvLayers {
  /** What the environment itself brings (the host's or the image's variables). Only PATH is read from it. */
  readonly base: Readonly<Record<string, string>>;
  /** The runner's configuration. */
  readonly low: Readonly<Record<string, string>>;
  /** Workflow and job `env`, then writes to GITHUB_ENV. */
  readonly job: ReadonlyMap<string, string>;
  /** The step's own `env`. */
  readonly step: ReadonlyMap<string, string>;
  /** `INPUT_…`, `STATE_…` of an action, and the paths of the command files. */
  readonly stage: Readonly<Record<string, string>>;
  /** Directories from GITHUB_PATH, the first wins. */
  readonly path: readonly string[];
  /** `GITHUB_…`, `RUNNER_…`, `ACTIONS_…`; they win over everything. */
  readonly fixed: Readonly<Record<string, string>>;
}

/**
 * The complete environment of a step (§3.5 of the semantics reference): configuration < workflow < job < GITHUB_ENV <
 * step < stage < PATH additions < fixed. `CI=true` where nobody set it.
 * @param platform decides the separator of PATH and whether names ignore case
 */
export function composeStepEnv(layers: EnvLayers, platform: NodeJS.Platform): Record<string, string> {
  const env = new Variables(platform === "win32");
  for (const [name, value] of Object.entries(layers.low)) env.set(name, value);
  for (const [name, value] of layers.job) env.set(name, value);
  for (const [name, value] of layers.step) env.set(name, value);
  for (const [name, value] of Object.entries(layers.stage)) env.set(name, value);
  if (layers.path.length > 0) {
    const separator = platform === "win32" ? ";" : ":";
    const rest = env.get("PATH") ?? layers.base["PATH"] ?? layers.base["Path"];
    env.set("PATH", [...layers.path, ...(rest ? [rest] : [])].join(separator));
  }
  for (const [name, value] of Object.entries(layers.fixed)) env.set(name, value);
  if (env.get("CI") === undefined) env.set("CI", "true");
  return env.record();
}

/** Variables by name; on Windows the case of a name does not matter and the first spelling stays. */
class Variables {
  readonly #values = new Map<string, readonly [name: string, value: string]>();
  readonly #fold: (name: string) => string;

  constructor(ignoreCase: boolean) {
    this.#fold = ignoreCase ? (name) => name.toUpperCase() : (name) => name;
  }

  get(name: string): string | undefined {
    return this.#values.get(this.#fold(name))?.[1];
  }

  set(name: string, value: string): void {
    const key = this.#fold(name);
    this.#values.set(key, [this.#values.get(key)?.[0] ?? name, value]);
  }

  record(): Record<string, string> {
    return Object.fromEntries(this.#values.values());
  }
}
