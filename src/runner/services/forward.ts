import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";

/** Headers that belong to one connection (RFC 9110 §7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Where requests are forwarded to. */
export interface ForwardTarget {
  /** Address without a slash at its end. */
  readonly base: string;
  /** Take any certificate. */
  readonly insecure: boolean;
  /** The target is told the name under which the caller knows this port, and hands out addresses that begin so. */
  readonly keepHost: boolean;
}

/** Passes a request on as it comes, and the answer back; 502 when the target is away. Never rejects. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: ForwardTarget,
): Promise<void> {
  const url = new URL(`${target.base}${request.url ?? "/"}`);
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
  if (!target.keepHost) headers["host"] = url.host;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const outgoing = send(url, {
    ...{ method: request.method, headers },
    ...(url.protocol === "https:" ? { rejectUnauthorized: !target.insecure } : {}),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
  });
  try {
    const sent = pipeline(request, outgoing);
    sent.catch(() => undefined); // a refusal may come before all is sent
    const answer = await answered;
    const kept = Object.entries(answer.headers).filter(([name, value]) => !HOP_BY_HOP.has(name) && value !== undefined);
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
    await pipeline(answer, response);
  } catch {
    outgoing.destroy();
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { connection: "close" }).end();
  }
}
