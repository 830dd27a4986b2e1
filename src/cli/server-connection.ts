import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { AppError } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";
import { readPrivateFile } from "./private-file.ts";
import { readSecretFile } from "./secret-source.ts";

/** A server and the credential for it. */
export interface ServerConnection {
  /** Address without a slash at the end. */
  readonly server: string;
  readonly token: string;
  /** Where the token came from, for messages. */
  readonly source: string;
}

/** Flags of every command that talks to a server. */
export interface ConnectionOptions {
  readonly server?: string | undefined;
  readonly apiTokenFile?: string | undefined;
}

/** Where a server is looked for when nothing says otherwise. */
export const DEFAULT_SERVER = "http://127.0.0.1:3000";

/**
 * Finds the server: flag or ACT_RUNNER_SERVER, else `data/cli.json` in the working directory or above, else what `login` wrote.
 * The token: `--api-token-file` or ACT_RUNNER_API_TOKEN, else the file's where it is for that server. A file's token never goes
 * to another server. Throws `unauthenticated` where no token is found.
 */
export async function findConnection(context: CliContext, options: ConnectionOptions): Promise<ServerConnection> {
  const asked = options.server === undefined ? undefined : normalizeServer(options.server);
  const given = await givenToken(context, options);
  const remembered =
    asked !== undefined && given !== undefined ? undefined : await rememberedConnection(context, asked);
  const server = asked ?? remembered?.server ?? DEFAULT_SERVER;
  if (given !== undefined) return { server, ...given };
  if (remembered !== undefined) return remembered;
  throw new AppError(
    "unauthenticated",
    `no API token for ${server}: start a server here with "act-runner-ts up", run "act-runner-ts login", or set ACT_RUNNER_API_TOKEN`,
  );
}

/** An address without its trailing slashes. Throws `invalid` where it is no http(s) address or holds a password. */
export function normalizeServer(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError("invalid", `"${text}" is no server address: write it like ${DEFAULT_SERVER}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new AppError("invalid", "the server address holds a password: leave it out and use an API token");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** Path of the file that `login` writes. */
export function loginPath(env: CliContext["env"]): string {
  const configs = env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config");
  return join(configs, "act-runner-ts", "login.json");
}

/** What `login` remembers. */
export interface LoginFile {
  /** The server that is used when none is named. */
  readonly current: string;
  /** API tokens by server. */
  readonly tokens: Readonly<Record<string, string>>;
}

/** The login file, or undefined where nobody logged in. */
export async function readLogins(env: CliContext["env"]): Promise<LoginFile | undefined> {
  const path = loginPath(env);
  const text = await readPrivateFile(path);
  if (text === undefined) return undefined;
  const { current, tokens } = parseObject(text, path);
  if (typeof current !== "string" || typeof tokens !== "object" || tokens === null) throw broken(path);
  return { current, tokens: tokens as Record<string, string> };
}

async function givenToken(
  context: CliContext,
  options: ConnectionOptions,
): Promise<Pick<ServerConnection, "token" | "source"> | undefined> {
  if (options.apiTokenFile !== undefined) {
    return { token: await readSecretFile(options.apiTokenFile), source: options.apiTokenFile };
  }
  const token = context.env["ACT_RUNNER_API_TOKEN"];
  return token === undefined || token === "" ? undefined : { token, source: "ACT_RUNNER_API_TOKEN" };
}

async function rememberedConnection(
  context: CliContext,
  asked: string | undefined,
): Promise<ServerConnection | undefined> {
  const nearest = await nearestCliJson(context);
  if (nearest !== undefined && (asked === undefined || asked === nearest.server)) return nearest;
  const logins = await readLogins(context.env);
  const server = asked ?? logins?.current;
  const token = server === undefined ? undefined : logins?.tokens[server];
  if (server === undefined || token === undefined) return undefined;
  return { server, token, source: loginPath(context.env) };
}

/** `cli.json` of ACT_RUNNER_DATA_DIR, else `data/cli.json` of the nearest directory from the working directory upwards. */
async function nearestCliJson(context: CliContext): Promise<ServerConnection | undefined> {
  const dataDir = context.env["ACT_RUNNER_DATA_DIR"];
  if (dataDir !== undefined && dataDir !== "") return await readCliJson(join(dataDir, "cli.json"));
  for (let directory = context.cwd; ; directory = dirname(directory)) {
    const found = await readCliJson(join(directory, "data", "cli.json"));
    if (found !== undefined || directory === dirname(directory)) return found;
  }
}

/** A `cli.json`, or undefined where there is none. */
export async function readCliJson(path: string): Promise<ServerConnection | undefined> {
  const text = await readPrivateFile(path);
  if (text === undefined) return undefined;
  const { server, token } = parseObject(text, path);
  if (typeof server !== "string" || typeof token !== "string") throw broken(path);
  return { server: normalizeServer(server), token, source: path };
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw broken(path, error);
  }
  throw broken(path);
}

function broken(path: string, cause?: unknown): AppError {
  return new AppError("invalid", `${path} is damaged: remove it, then start the server or log in again`, cause);
}
