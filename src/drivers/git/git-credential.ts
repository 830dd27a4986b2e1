/** How git proves who it is. Values are secrets: they go by environment or file, never by argument, and are cut from messages. */
export type GitCredential =
  /** For http(s): sent as basic authentication, only to the host of the URL. */
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** For ssh: a private key, and the only host keys that are trusted, in the form of a known_hosts file. */
  | { readonly kind: "ssh"; readonly privateKey: string; readonly knownHosts: string };

/** A remote, and what git shows to it and takes from it. */
export interface RemoteTrust {
  readonly url: string;
  readonly credential?: GitCredential | undefined;
  /** Take any TLS certificate of its host. @default false */
  readonly insecure?: boolean | undefined;
}

/** The value of the Authorization header. */
function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** The configuration that sends a credential to the host of `url` and nowhere else. */
export function credentialConfig(url: string, credential: GitCredential | undefined): readonly [string, string][] {
  if (credential?.kind !== "basic" || !/^https?:/i.test(url)) return [];
  return [[`http.${new URL(url).origin}/.extraheader`, `AUTHORIZATION: ${basicAuthorization(credential)}`]];
}

/** The configuration for one remote: its credential, and whether its certificate counts. Both hold for its host alone. */
export function remoteConfig({ url, credential, insecure }: RemoteTrust): readonly [string, string][] {
  const trust: [string, string][] =
    insecure === true && /^https:/i.test(url) ? [[`http.${new URL(url).origin}/.sslVerify`, "false"]] : [];
  return [...credentialConfig(url, credential), ...trust];
}

/** Cuts from a text what would give a credential away, also what stands in a URL before the host. */
export function redactCredential(text: string, credential: GitCredential | undefined): string {
  const secrets = credential === undefined ? [] : secretsOf(credential);
  const cut = secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "***")), text);
  return cut.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s'"]+@/gi, "$1***@");
}

function secretsOf(credential: GitCredential): string[] {
  if (credential.kind === "ssh") return credential.privateKey.split("\n").filter((line) => line.length > 20);
  const header = basicAuthorization(credential);
  return [header.slice("Basic ".length), credential.password, encodeURIComponent(credential.password)];
}
