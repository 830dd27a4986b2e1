import { fileURLToPath } from "node:url";

/** What differs between one run of git and the next. */
export interface GitEnvironmentOptions {
  /** PATH, where git and ssh are looked up. */
  readonly path: string;
  /** `https`, `http`, `ssh`, `file`, `git`; any other transport is refused, also for redirects and submodules. */
  readonly allowProtocols: readonly string[];
  /** Follow HTTP redirects. @default false, since a redirect could point to a private address */
  readonly followRedirects?: boolean | undefined;
  /** Configuration of this run only; may hold secrets. */
  readonly config?: readonly (readonly [key: string, value: string])[] | undefined;
  /** The command that git runs for ssh. */
  readonly sshCommand?: string | undefined;
}

/** No questions, known hosts only, and a peer that has fallen silent is given up after a minute. */
export const SSH_OPTIONS: readonly string[] = [
  ...["-oBatchMode=yes", "-oStrictHostKeyChecking=yes"],
  ...["-oConnectTimeout=30", "-oServerAliveInterval=15", "-oServerAliveCountMax=4"],
];

const ownConfig = fileURLToPath(new URL("./gitconfig", import.meta.url));

/**
 * The complete environment for git: no question at a terminal, no configuration of the machine or the user, no hooks,
 * English messages, and a connection that stands still for a minute is given up.
 */
export function gitEnvironment(options: GitEnvironmentOptions): Record<string, string> {
  const config: (readonly [string, string])[] = [
    ["core.hooksPath", "/dev/null"],
    ["core.fsmonitor", "false"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
    ["credential.helper", ""],
    ["http.followRedirects", options.followRedirects === true ? "true" : "false"],
    ["http.lowSpeedLimit", "1"],
    ["http.lowSpeedTime", "60"],
    ...(options.config ?? []),
  ];
  return {
    PATH: options.path,
    HOME: "/nonexistent",
    LC_ALL: "C.UTF-8",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: ownConfig,
    GIT_ALLOW_PROTOCOL: options.allowProtocols.join(":"),
    GIT_LITERAL_PATHSPECS: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_SSH_VARIANT: "ssh",
    GIT_SSH_COMMAND: options.sshCommand ?? ["ssh", ...SSH_OPTIONS].join(" "),
    ...gitConfigVariables(config),
  };
}

/** Configuration as environment variables (git ≥ 2.31), where other users of the machine cannot see it, unlike arguments. */
function gitConfigVariables(config: readonly (readonly [key: string, value: string])[]): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(config.length) };
  for (const [index, [key, value]] of config.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}
