import { isIP } from "node:net";
import { AppError } from "../../lib/errors.ts";

/** What keeps git from asking the name service again, which might give another address than the one that was judged. */
export interface AddressPin {
  /** For http and https: `http.curloptResolve` (git 2.37 and newer). */
  readonly config: readonly (readonly [key: string, value: string])[];
  /** For ssh. */
  readonly sshOptions: readonly string[];
}

/** Names are looked up as ever. */
export const NO_PIN: AddressPin = { config: [], sshOptions: [] };

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "https:": "443", "http:": "80", "ssh:": "22" };

/**
 * Binds the host of a URL to addresses. Host keys are still those of the name.
 * @throws AppError invalid for what is no address, and for a host name with other characters than names have
 */
export function addressPin(text: string, addresses: readonly string[] | undefined): AddressPin {
  if (addresses === undefined || !URL.canParse(text)) return NO_PIN;
  const { protocol, hostname, port: given } = new URL(text);
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return NO_PIN;
  const [first] = addresses;
  if (first === undefined || !addresses.every(isAddress) || !/^[A-Za-z0-9._-]+$/.test(hostname)) {
    throw new AppError("invalid", `the host of ${protocol}//${hostname} cannot be bound to its addresses; correct it`);
  }
  const port = given === "" ? DEFAULT_PORTS[protocol] : given;
  if (protocol !== "ssh:") {
    const targets = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address));
    return { config: [["http.curloptResolve", `${hostname}:${port}:${targets.join(",")}`]], sshOptions: [] };
  }
  // ssh tries one address only; a machine without IPv6 would wait for nothing.
  const target = addresses.find((address) => isIP(address) === 4) ?? first;
  const name = hostname.toLowerCase();
  const alias = port === "22" ? name : `[${name}]:${port}`;
  return { config: [], sshOptions: [`-oHostName=${target}`, `-oHostKeyAlias=${alias}`] };
}

/** An address without a zone. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes("%");
}
