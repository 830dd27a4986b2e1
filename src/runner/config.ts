import { isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import { parseDuration } from "../lib/duration.ts";
import { AppError } from "../lib/errors.ts";
import { nearestName } from "../lib/nearest-name.ts";
import { type CacheConfig, compileCache } from "./cache-config.ts";
import { type ContainerConfig, compileContainers } from "./container-config.ts";
import { SETTINGS, type Setting } from "./settings.ts";

/** Where the settings come from; the first that has one wins: flags, variables, the file, the default. */
export interface ConfigSources {
  /** By key, such as `runner.capacity`; from the command line. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text of a `config.yaml`, and its name for messages. */
  readonly file?: { readonly text: string; readonly name: string };
}

/** The complete settings of a runner; durations in milliseconds. */
export interface RunnerConfig {
  readonly logLevel: string;
  readonly runnerFile: string;
  readonly capacity: number;
  readonly envs: Readonly<Record<string, string>>;
  readonly envFile: string;
  readonly jobTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly insecure: boolean;
  readonly fetchTimeoutMs: number;
  readonly fetchIntervalMs: number;
  /** At least `fetchIntervalMs`. */
  readonly fetchIntervalMaxMs: number;
  readonly logLatencyMs: number;
  readonly logBatchRows: number;
  readonly heartbeatMs: number;
  readonly callTimeoutMs: number;
  readonly reportGiveUpMs: number;
  readonly cancelGraceMs: number;
  readonly setActEnv: boolean;
  readonly allocatePty: boolean;
  /** Takes the place of https://github.com for actions; empty: none. */
  readonly githubMirror: string;
  readonly builtinActions: boolean;
  readonly patchActions: boolean;
  /** Ask no host about refs of actions that were seen before. */
  readonly offlineActions: boolean;
  /** Scripts around the steps; empty: none. */
  readonly hookStarted: string;
  readonly hookCompleted: string;
  /** Full labels; empty: those of the registration. */
  readonly labels: readonly string[];
  /** Empty: beside the registration. */
  readonly hostWorkdirParent: string;
  /** Empty: the runner's own user. */
  readonly hostRunAs: string;
  readonly containers: ContainerConfig;
  readonly cache: CacheConfig;
  /** Address of /healthz and /readyz, or undefined. */
  readonly metricsAddress: string | undefined;
  readonly readinessGraceMs: number;
  /** When the machine counts as unfit for work. */
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly minFreeDiskMib: number;
    /** Empty: none. */
    readonly script: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };
}

/** A compiled configuration, and what is odd about its sources. */
export interface CompiledConfig {
  readonly config: RunnerConfig;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

type Value = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/** Longest deadline of a poll, as in Gitea's runner. */
const MAX_FETCH_TIMEOUT_MS = 60_000;

/**
 * Compiles the configuration. What is unknown in the file, or known and without effect here, is a warning with its line.
 * @throws AppError invalid when a value cannot be read
 */
export function compileConfig(sources: ConfigSources): CompiledConfig {
  const warnings: string[] = [];
  const fromFile = sources.file === undefined ? new Map<string, FileValue>() : readFile(sources.file, warnings);
  const values = new Map<string, Value>();
  for (const setting of SETTINGS) {
    const variable = sources.env?.[setting.variable];
    const flag = sources.flags?.[setting.key];
    const file = fromFile.get(setting.key);
    if (flag !== undefined) values.set(setting.key, readText(setting, flag, `the flag for ${setting.key}`));
    else if (variable !== undefined && variable !== "")
      values.set(setting.key, readText(setting, variable, setting.variable));
    else if (file !== undefined) values.set(setting.key, readNode(setting, file));
    else values.set(setting.key, readText(setting, setting.fallback, `the default of ${setting.key}`));
  }
  return { config: compile(values), warnings };
}

function compile(values: ReadonlyMap<string, Value>): RunnerConfig {
  const get = <T extends Value>(key: string) => values.get(key) as T;
  const fetchIntervalMs = get<number>("runner.fetch_interval");
  return {
    logLevel: get("log.level"),
    runnerFile: get("runner.file"),
    capacity: Math.max(1, Math.floor(get<number>("runner.capacity"))),
    envs: get("runner.envs"),
    envFile: get("runner.env_file"),
    jobTimeoutMs: get("runner.timeout"),
    shutdownTimeoutMs: get("runner.shutdown_timeout"),
    insecure: get("runner.insecure"),
    fetchTimeoutMs: Math.min(get<number>("runner.fetch_timeout"), MAX_FETCH_TIMEOUT_MS),
    fetchIntervalMs,
    fetchIntervalMaxMs: Math.max(get<number>("runner.fetch_interval_max"), fetchIntervalMs),
    logLatencyMs: get("runner.log_report_max_latency"),
    logBatchRows: get("runner.log_report_batch_size"),
    heartbeatMs: get("runner.state_report_interval"),
    callTimeoutMs: get("runner.report_close_timeout"),
    reportGiveUpMs: get("runner.report_give_up"),
    cancelGraceMs: get("runner.cancel_timeout"),
    setActEnv: get("runner.set_act_env"),
    allocatePty: get("runner.allocate_pty"),
    githubMirror: get("runner.github_mirror"),
    builtinActions: get("runner.builtin_actions"),
    patchActions: get("runner.patch_actions"),
    offlineActions: get("cache.offline_mode"),
    hookStarted: get("runner.hooks.job_started"),
    hookCompleted: get("runner.hooks.job_completed"),
    labels: get("runner.labels"),
    hostWorkdirParent: get("host.workdir_parent"),
    hostRunAs: get("host.run_as"),
    containers: compileContainers(get),
    cache: compileCache(get),
    metricsAddress: get<boolean>("metrics.enabled") ? get("metrics.addr") : undefined,
    readinessGraceMs: get("metrics.readiness_grace"),
    healthCheck: {
      enabled: get("health_check.enabled"),
      minFreeDiskMib: get("health_check.min_free_disk_space_mb"),
      script: get("health_check.script"),
      intervalMs: get("health_check.interval"),
      timeoutMs: get("health_check.timeout"),
    },
  };
}

interface FileValue {
  /** The value as plain data; null where the file leaves it empty. */
  readonly value: unknown;
  readonly place: string;
}

const BY_KEY: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.key, setting]));
const SECTIONS: ReadonlySet<string> = new Set(
  SETTINGS.flatMap(({ key }) => key.split(".").map((_, at, parts) => parts.slice(0, at).join("."))),
);

function readFile(file: { text: string; name: string }, warnings: string[]): Map<string, FileValue> {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new AppError(
      "invalid",
      `${file.name}, line ${lines.linePos(error.pos[0]).line}: this is not YAML (${error.code})`,
      error,
    );
  }
  const found = new Map<string, FileValue>();
  const place = (node: unknown) => {
    const offset = (node as Node).range?.[0] ?? 0;
    return `${file.name}, line ${lines.linePos(offset).line}`;
  };
  const walk = (map: YAMLMap, prefix: string) => {
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const key = prefix + String(isScalar(pair.key) ? pair.key.value : pair.key);
      const setting = BY_KEY.get(key);
      if (setting !== undefined) {
        found.set(key, { value: pair.value?.toJS(document) ?? null, place: place(pair.key) });
        if (setting.honoured === false) warnings.push(`${place(pair.key)}: '${key}' is known, but has no effect yet`);
      } else if (SECTIONS.has(key) && (isMap(pair.value) || pair.value === null || isEmpty(pair.value))) {
        if (isMap(pair.value)) walk(pair.value, `${key}.`);
      } else {
        const nearest = nearestName(key, BY_KEY.keys());
        warnings.push(
          `${place(pair.key)}: '${key}' is not a key${nearest === undefined ? "" : `; do you mean '${nearest}'?`}`,
        );
      }
    }
  };
  if (isMap(document.contents)) walk(document.contents as YAMLMap, "");
  return found;
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

/** A value left empty in the file means the default, as in Go. */
function readNode(setting: Setting, { value, place }: FileValue): Value {
  const what = `${place}: '${setting.key}'`;
  if (value === null) return readText(setting, setting.fallback, what);
  if (setting.kind === "list" && Array.isArray(value)) return value.map(String);
  if (setting.kind === "map" && typeof value === "object" && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, text === null ? "" : String(text)]));
  }
  if (typeof value === "object") throw new AppError("invalid", `${what} has to be a ${setting.kind}`);
  return readText(setting, String(value), what);
}

function readText(setting: Setting, text: string, what: string): Value {
  const value = READERS[setting.kind](text);
  if (value === undefined) {
    throw new AppError(
      "invalid",
      `${what} cannot be '${text}': it has to be a ${setting.kind}${HINTS[setting.kind] ?? ""}`,
    );
  }
  return value;
}

const HINTS: Readonly<Partial<Record<Setting["kind"], string>>> = {
  duration: " such as 30s or 1h30m",
  boolean: ", true or false",
};

const READERS: Readonly<Record<Setting["kind"], (text: string) => Value | undefined>> = {
  string: (text) => text,
  number: (text) => (/^-?[0-9]+$/.test(text.trim()) ? Number(text) : undefined),
  boolean: (text) => ({ true: true, "1": true, false: false, "0": false })[text.trim().toLowerCase()],
  duration: parseDuration,
  list: (text) => text.split(/[,\n]/).flatMap((item) => (item.trim() === "" ? [] : [item.trim()])),
  map: parseEnvText,
};

/** Reads `NAME=VALUE` lines (a `.env` file): blank lines and `#` comments are skipped, quotes around a value dropped. */
export function parseEnvText(text: string): Record<string, string> {
  const entries: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = "", value = ""] = match;
    entries.push([name, /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value]);
  }
  return Object.fromEntries(entries);
}
