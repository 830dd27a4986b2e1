import { createContextKey } from "@connectrpc/connect";

/** The caller's network address as the HTTP server sees it (behind trusted proxies: the forwarded one). Set by `contextValues` of the HTTP adapter. */
export const remoteAddressKey = createContextKey("", { description: "remote address" });
