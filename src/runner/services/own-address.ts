import { networkInterfaces } from "node:os";

/** An address of this machine that containers on it reach as well: not loopback; IPv4 first. Undefined when there is none. */
export function ownAddress(interfaces = networkInterfaces()): string | undefined {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal, address }) => !internal && !/^(169\.254\.|fe80:)/i.test(address));
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address;
}

/** Whether an address means this machine to itself alone. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : "";
  return /^(127\.|::1$|localhost$|.*\.localhost$)/i.test(host);
}
