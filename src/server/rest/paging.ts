import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

/** Gitea's DEFAULT_PAGING_NUM and MAX_RESPONSE_ITEMS. */
const DEFAULT_LIMIT = 30;
const MOST = 50;

/** Query of every list: `page` counts from 1, `limit` is cut to 50. */
export const pageQuery = z.object({
  page: z.coerce.number().int().min(1).default(1),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .default(DEFAULT_LIMIT)
    .transform((limit) => Math.min(limit, MOST)),
});

/** Sets `X-Total-Count` and `Link`, as Gitea and Forgejo do. @param base outside address of the server */
export function setTotal(
  request: FastifyRequest,
  reply: FastifyReply,
  base: string,
  page: { readonly page: number; readonly limit: number },
  total: number,
): void {
  const last = Math.max(1, Math.ceil(total / page.limit));
  const links: string[] = [];
  const add = (rel: string, number: number) => {
    const url = new URL(`${base}${request.url}`);
    url.searchParams.set("page", String(number));
    url.searchParams.set("limit", String(page.limit));
    links.push(`<${url.href}>; rel="${rel}"`);
  };
  if (page.page < last) add("next", page.page + 1);
  if (page.page < last) add("last", last);
  if (page.page > 1) add("first", 1);
  if (page.page > 1) add("prev", page.page - 1);
  reply.header("x-total-count", String(total));
  reply.header("access-control-expose-headers", "X-Total-Count, Link");
  if (links.length > 0) reply.header("link", links.join(", "));
}
