/** One page of a list, newest first; `total` counts all that match. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/** `page` counts from 1. */
export interface PageRequest {
  readonly page: number;
  readonly limit: number;
}
