import { AppError } from "../../lib/errors.ts";

/** How a `run` script is started. */
export interface ShellCommand {
  /** The command line; `{0}` stands for the script's path. */
  readonly argv: readonly [string, ...string[]];
  /** Ending of the script's file, with the dot, or empty. */
  readonly extension: string;
  readonly prepend?: string;
  readonly append?: string;
  /** Lines end in CRLF. */
  readonly crlf?: true;
}

const POWERSHELL_PARTS = {
  extension: ".ps1",
  prepend: "$ErrorActionPreference = 'stop'",
  append: "if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }",
} as const;

/** The shells that have a name (GitHub's ScriptHandlerHelpers; `node` is Forgejo's addition). */
const SHELLS: Readonly<Record<string, ShellCommand>> = {
  bash: { argv: ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "{0}"], extension: ".sh" },
  sh: { argv: ["sh", "-e", "{0}"], extension: ".sh" },
  python: { argv: ["python", "{0}"], extension: ".py" },
  node: { argv: ["node", "{0}"], extension: ".js" },
  pwsh: { argv: ["pwsh", "-command", ". '{0}'"], ...POWERSHELL_PARTS },
  powershell: { argv: ["powershell", "-command", ". '{0}'"], ...POWERSHELL_PARTS },
  cmd: {
    argv: ["cmd", "/D", "/E:ON", "/V:OFF", "/S", "/C", 'CALL "{0}"'],
    extension: ".cmd",
    prepend: "@echo off",
    crlf: true,
  },
};

/** What a step without `shell` may use, the best first; each is a name of a program and a command. */
const DEFAULT_UNIX: readonly (readonly [program: string, command: ShellCommand])[] = [
  ["bash", { argv: ["bash", "-e", "{0}"], extension: ".sh" }],
  ["sh", { argv: ["sh", "-e", "{0}"], extension: ".sh" }],
];
const DEFAULT_WINDOWS: readonly (readonly [program: string, command: ShellCommand])[] = [
  ["pwsh", SHELLS["pwsh"] as ShellCommand],
  ["powershell", SHELLS["powershell"] as ShellCommand],
];

/** The candidates for a step without `shell`, the best first. A job container gets only `sh`, as on GitHub. */
export function defaultShells(
  platform: NodeJS.Platform,
  container: boolean,
): readonly (readonly [program: string, command: ShellCommand])[] {
  if (platform === "win32") return DEFAULT_WINDOWS;
  return container ? DEFAULT_UNIX.slice(1) : DEFAULT_UNIX;
}

/**
 * The command for a `shell` key: a known name, or a command line with `{0}` in it.
 * @throws AppError invalid when it is neither
 */
export function namedShell(shell: string): ShellCommand {
  const known = SHELLS[shell.toLowerCase()];
  if (known !== undefined && Object.hasOwn(SHELLS, shell.toLowerCase())) return known;
  const [program, ...rest] = splitBlanks(shell);
  if (program === undefined || !shell.includes("{0}")) {
    const names = Object.keys(SHELLS).join(", ");
    throw new AppError("invalid", `the shell '${shell}' is neither one of ${names} nor a command line with {0} in it`);
  }
  return { argv: [program, ...rest], extension: "" };
}

/** Blanks part the words but inside double quotes, which are dropped. */
function splitBlanks(text: string): string[] {
  return (text.match(/(?:[^\s"]+|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ""));
}

/** The text of the script's file. */
export function scriptText(shell: ShellCommand, script: string): string {
  const text = [shell.prepend, script, shell.append].filter((part) => part !== undefined).join("\n");
  const ended = text.endsWith("\n") ? text : `${text}\n`;
  return shell.crlf ? ended.replaceAll(/\r?\n/g, "\r\n") : ended;
}

/** The command line for a script at `path`. */
export function shellArgv(shell: ShellCommand, path: string): [string, ...string[]] {
  const [program, ...rest] = shell.argv;
  return [program, ...rest.map((word) => word.replaceAll("{0}", path))];
}
