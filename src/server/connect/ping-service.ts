import type { ConnectRouter } from "@connectrpc/connect";
import { PingService } from "../../protocol/messages.ts";

/** Ping, with Gitea's answer; runners call it before they have an identity. */
export function pingService(router: ConnectRouter): void {
  router.rpc(PingService.method.ping, (request) => ({ data: `Hello, ${request.data}!` }), { readMaxBytes: 64 * 1024 });
}
