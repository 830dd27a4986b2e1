import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd, type ShortResult } from "../process/run-to-end.ts";
import { addressPin, NO_PIN } from "./address-pin.ts";
import { type GitCredential, type RemoteTrust, remoteConfig } from "./git-credential.ts";
import { gitEnvironment, SSH_OPTIONS } from "./git-environment.ts";
import { gitError } from "./git-error.ts";

/** One run of git. */
export interface GitCommand {
  /** What is tried, for the message of a failure: "fetch of https://…". */
  readonly action: string;
  readonly args: readonly string[];
  /** PATH, where git is looked up. */
  readonly path: string;
  /** Variables handed on as they are: proxies, certificates. @default none */
  readonly network?: Readonly<Record<string, string>> | undefined;
  /** The other side, when there is one. */
  readonly remote?: RemoteAccess | undefined;
  /** Exit codes that are an answer. @default [0] */
  readonly accept?: readonly number[];
  /** @default 1 MiB */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** How another repository is reached. */
export interface RemoteAccess extends RemoteTrust {
  /** `https`, `http`, `ssh`, `file` */
  readonly allowProtocols: readonly string[];
  /** @default false */
  readonly followRedirects?: boolean | undefined;
  /** The host's addresses, where they were looked up and judged already: no other one is used. @default the name's */
  readonly addresses?: readonly string[] | undefined;
}

const MAX_BYTES = 1024 * 1024;

/**
 * Runs git with an environment of its own (see gitEnvironment).
 * @throws AppError not_found, forbidden, unavailable (git failed), exhausted (more output than allowed), cancelled
 */
export async function gitCommand(command: GitCommand): Promise<ShortResult> {
  const { action, args, path, remote, accept = [0], maxBytes = MAX_BYTES, signal } = command;
  const pin = remote === undefined ? NO_PIN : addressPin(remote.url, remote.addresses);
  await using ssh = await sshCommand(remote?.credential, pin.sshOptions);
  const env = gitEnvironment({
    path,
    allowProtocols: remote?.allowProtocols ?? [],
    followRedirects: remote?.followRedirects,
    config: remote === undefined ? [] : [...remoteConfig(remote), ...pin.config],
    sshCommand: ssh.command,
  });
  const spec = { argv: ["git", ...args] as const, cwd: "/", env: { ...command.network, ...env } };
  const result = await runToEnd(spec, { maxBytes, signal });
  if (!accept.includes(result.code)) throw gitError(action, result.stderr, remote?.credential);
  return result;
}

function sshWords(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}

/** ssh takes its key and the trusted hosts only from files; these live as long as the command. */
async function sshCommand(
  credential: GitCredential | undefined,
  pinned: readonly string[],
): Promise<AsyncDisposable & { command: string }> {
  if (credential?.kind !== "ssh") {
    return { command: sshWords(["ssh", ...SSH_OPTIONS, ...pinned]), [Symbol.asyncDispose]: async () => undefined };
  }
  const folder = await mkdtemp(join(tmpdir(), "act-runner-ssh-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const [key, hosts] = [join(folder, "key"), join(folder, "known_hosts")];
    await writeFile(key, `${credential.privateKey.trimEnd()}\n`, { mode: 0o600 });
    await writeFile(hosts, credential.knownHosts, { mode: 0o600 });
    const words = [
      ...["ssh", "-F", "/dev/null", "-i", key, "-oIdentitiesOnly=yes", ...SSH_OPTIONS],
      ...[`-oUserKnownHostsFile=${hosts}`, "-oGlobalKnownHostsFile=/dev/null", ...pinned],
    ];
    return { command: sshWords(words), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
