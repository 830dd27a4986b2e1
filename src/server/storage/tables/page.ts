import type { ObjectLiteral, SelectQueryBuilder } from "typeorm";
import type { Page, PageRequest } from "../store.ts";

/** Runs a filtered query for one page, newest first, with the count of all that match. */
export async function readPage<Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  { page, limit }: PageRequest,
): Promise<Page<Row>> {
  query
    .orderBy(`${query.alias}.id`, "DESC")
    .offset((page - 1) * limit)
    .limit(limit);
  const [items, total] = await query.getManyAndCount();
  return { items, total };
}

/** Narrows a query to rows whose property is one of `values`; an empty list matches nothing, undefined all. */
export function whereIn<Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  property: string,
  values: readonly (string | number)[] | undefined,
): void {
  if (values === undefined) return;
  if (values.length === 0) query.andWhere("1 = 0");
  else query.andWhere(`${query.alias}.${property} IN (:...${property}List)`, { [`${property}List`]: values });
}

/** Narrows a query to rows whose property has this value; undefined matches all. */
export function whereEquals<Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  property: string,
  value: string | number | undefined,
): void {
  if (value !== undefined) query.andWhere(`${query.alias}.${property} = :${property}`, { [property]: value });
}
