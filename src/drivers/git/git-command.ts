import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd, type ShortResult } from "../process/run-to-end.ts";
import { credentialConfig, type GitCredential } from "./git-credential.ts";
import { gitEnvironment } from "./git-environment.ts";
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
export interface RemoteAccess {
  readonly url: string;
  readonly credential?: GitCredential | undefined;
  /** `https`, `http`, `ssh`, `file` */
  readonly allowProtocols: readonly string[];
  /** @default false */
  readonly followRedirects?: boolean | undefined;
}

const MAX_BYTES = 1024 * 1024;

/**
 * Runs git with an environment of its own (see gitEnvironment).
 * @throws AppError not_found, forbidden, unavailable (git failed), exhausted (more output than allowed), cancelled
 */
export async function gitCommand(command: GitCommand): Promise<ShortResult> {
  const { action, args, path, remote, accept = [0], maxBytes = MAX_BYTES, signal } = command;
  await using ssh = await sshCommand(remote?.credential);
  const env = gitEnvironment({
    path,
    allowProtocols: remote?.allowProtocols ?? [],
    followRedirects: remote?.followRedirects,
    config: remote === undefined ? [] : credentialConfig(remote.url, remote.credential),
    sshCommand: ssh.command,
  });
  const spec = { argv: ["git", ...args] as const, cwd: "/", env: { ...command.network, ...env } };
  const result = await runToEnd(spec, { maxBytes, signal });
  if (!accept.includes(result.code)) throw gitError(action, result.stderr, remote?.credential);
  return result;
}

/** ssh takes its key and the trusted hosts only from files; these live as long as the command. */
async function sshCommand(
  credential: GitCredential | undefined,
): Promise<AsyncDisposable & { command: string | undefined }> {
  if (credential?.kind !== "ssh") return { command: undefined, [Symbol.asyncDispose]: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), "act-runner-ssh-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const [key, hosts] = [join(folder, "key"), join(folder, "known_hosts")];
    await writeFile(key, `${credential.privateKey.trimEnd()}\n`, { mode: 0o600 });
    await writeFile(hosts, credential.knownHosts, { mode: 0o600 });
    const options = [
      "BatchMode=yes",
      "StrictHostKeyChecking=yes",
      `UserKnownHostsFile=${hosts}`,
      "GlobalKnownHostsFile=/dev/null",
    ];
    const words = [
      "ssh",
      "-F",
      "/dev/null",
      "-i",
      key,
      "-oIdentitiesOnly=yes",
      ...options.map((option) => `-o${option}`),
    ];
    return { command: words.map((word) => `'${word}'`).join(" "), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
