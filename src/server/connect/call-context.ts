import type { ContextValues } from "@connectrpc/connect";

/** What a runner call needs to know of its request. Connect's HandlerContext is one; the direct route makes its own. */
export interface CallContext {
  readonly method: { readonly name: string };
  readonly values: ContextValues;
  readonly requestHeader: Pick<Headers, "get">;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
  /** Time that the caller still waits, or undefined when it names no deadline. */
  timeoutMs(): number | undefined;
}
