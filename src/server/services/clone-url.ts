import { BlockList, isIP } from "node:net";
import { isAbsolute } from "node:path";
import { AppError } from "../../lib/errors.ts";

/** Where a repository comes from. */
export type CloneSource =
  | { readonly kind: "https" | "http" | "ssh"; readonly url: string; readonly host: string }
  | { readonly kind: "local"; readonly path: string };

/** What is allowed beyond https and ssh to public addresses. */
export interface ClonePolicy {
  /** Real path of the directory below which administrators may name local repositories; null: none. */
  readonly repoRoot: string | null;
  /** Allows loopback, private and link-local addresses. */
  readonly allowPrivateAddresses: boolean;
  /** Allows http without TLS. */
  readonly allowHttp: boolean;
}

const refused = (sentence: string) => new AppError("invalid", sentence);

/**
 * Reads a clone address. Only its form is judged: where it leads is the matter of `checkAddress` and `checkLocalPath`.
 * @throws AppError invalid on any other protocol, on credentials in the address, and on what git could take for an option
 */
export function parseCloneUrl(text: string, policy: Pick<ClonePolicy, "allowHttp">): CloneSource {
  if (text === "") throw refused("the clone URL is empty; give an https or ssh address");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(text))
    throw refused("the clone URL contains a space or a control character; encode it");
  if (text.startsWith("-")) throw refused("the clone URL begins with a dash; give an https or ssh address");
  if (isAbsolute(text)) return { kind: "local", path: text };
  if (/^[a-z0-9+.-]+::/i.test(text)) {
    throw refused(`the clone URL names the remote helper ${text.slice(0, text.indexOf("::"))}; use https or ssh`);
  }
  const scp = text.includes("://") ? null : /^(?<user>[A-Za-z0-9._-]+)@(?<host>[^:/@]+):(?<path>[^:].*)$/.exec(text);
  if (scp?.groups !== undefined) {
    return parseUrl(
      `ssh://${scp.groups["user"]}@${scp.groups["host"]}/${scp.groups["path"]?.replace(/^\//, "")}`,
      policy,
    );
  }
  return parseUrl(text, policy);
}

function parseUrl(text: string, policy: Pick<ClonePolicy, "allowHttp">): CloneSource {
  if (!URL.canParse(text)) {
    throw refused(
      "the clone URL is neither an address nor an absolute path; give https://host/path, ssh://git@host/path or /path",
    );
  }
  const url = new URL(text);
  const protocol = url.protocol.slice(0, -1);
  if (protocol === "http" && !policy.allowHttp) throw refused("the clone URL uses http without encryption; use https");
  if (protocol === "file") throw refused("the clone URL uses file:; give the absolute path instead");
  if (protocol !== "https" && protocol !== "ssh" && protocol !== "http") {
    throw refused(`the clone URL uses the protocol ${protocol}; use https or ssh`);
  }
  if (url.password !== "" || (protocol !== "ssh" && url.username !== "")) {
    throw refused("the clone URL contains a credential; give it as the credential of the repository");
  }
  if (url.hostname === "") throw refused("the clone URL has no host; give https://host/path");
  // ssh takes what begins with a dash for an option, wherever it stands; git decodes both before it calls ssh.
  if (/^(-|%2d)/i.test(url.hostname) || /^(-|%2d)/i.test(url.username))
    throw refused("the host of the clone URL begins with a dash; correct it");
  if (protocol === "ssh" && !/^([A-Za-z0-9._-]+|\[[0-9a-f:.]+\])$/i.test(url.hostname))
    throw refused("the host of the clone URL has a character that no host name has; correct it");
  if (url.search !== "" || url.hash !== "") throw refused("the clone URL has a query or a fragment; leave it out");
  if (url.pathname.length < 2) throw refused("the clone URL has no path; add the path of the repository");
  return { kind: protocol, url: url.href, host: url.hostname.replace(/^\[|\]$/g, "") };
}

/** Networks that are not the public internet (IANA special-purpose registries for IPv4 and IPv6). */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv6");
}

/** Whether an IP address is not on the public internet. IPv4 inside IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 one. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  // An address with a zone belongs to a link of this machine.
  if (family === 0 || address.includes("%")) return true;
  return PRIVATE.check(address, family === 4 ? "ipv4" : "ipv6");
}

/**
 * Passes when every address that a host's name gave may be reached.
 * @throws AppError invalid when one is private, or when there is none
 */
export function checkAddresses(host: string, addresses: readonly string[], policy: ClonePolicy): void {
  if (addresses.length === 0) throw refused(`the host ${host} of the clone URL has no address; check its spelling`);
  if (policy.allowPrivateAddresses) return;
  const bad = addresses.find(isPrivateAddress);
  if (bad !== undefined) {
    throw refused(
      `the host ${host} of the clone URL has the private address ${bad}, which this server does not fetch from`,
    );
  }
}

/**
 * Passes when a local repository may be used.
 * @param realPath the path with all symbolic links followed
 * @throws AppError forbidden for callers who are not administrators; invalid outside the root
 */
export function checkLocalPath(path: string, realPath: string, admin: boolean, policy: ClonePolicy): void {
  if (!admin)
    throw new AppError("forbidden", "only administrators may use a local path as clone URL; use https or ssh");
  if (policy.repoRoot === null) {
    throw refused("local paths are switched off on this server; start it with --repo-root, or use https or ssh");
  }
  const root = policy.repoRoot.endsWith("/") ? policy.repoRoot : `${policy.repoRoot}/`;
  if (!`${realPath}/`.startsWith(root))
    throw refused(`${path} does not lie below the server's --repo-root; move it there`);
}
