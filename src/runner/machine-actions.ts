import { Git } from "../drivers/git/git.ts";
import type { Ids } from "../lib/ids.ts";
import { type ActionSource, gitActionSource } from "./actions/action-source.ts";

/** What actions are fetched with on this machine. */
export interface MachineActionOptions {
  /** Folder that keeps them. */
  readonly cacheDir: string;
  /** Variables of this process: PATH, proxies and certificates count. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly ids: Ids;
  readonly githubMirror?: string;
  readonly offline?: boolean;
}

/** Variables by which git finds its way out. */
const NETWORK = /^((https?|all|no)_proxy|ssl_cert_(file|dir)|git_ssl_ca(info|path))$/i;

/** Actions from git hosts, fetched with this machine's git, proxies and certificates. */
export function machineActions(options: MachineActionOptions): ActionSource {
  const { environment, ...rest } = options;
  const network = Object.entries(environment).filter(
    (entry): entry is [string, string] => NETWORK.test(entry[0]) && entry[1] !== undefined,
  );
  return gitActionSource({
    ...rest,
    git: new Git({ path: environment["PATH"] ?? "", network: Object.fromEntries(network) }),
  });
}
