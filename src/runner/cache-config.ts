import { parseSize } from "../executors/container/option-values.ts";

/** What the configuration says of caches. */
export interface CacheConfig {
  readonly enabled: boolean;
  /** Empty: beside the registration. */
  readonly dir: string;
  /** Address that jobs are told; empty finds one. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Address of a shared cache server that takes the place of the runner's own; empty: none. */
  readonly externalServer: string;
  readonly v2: boolean;
  readonly retentionMs: number;
  readonly repositoryBytes: number;
  readonly totalBytes: number;
  readonly sweepEveryMs: number;
}

/** Compiles the keys below `cache.`. @throws AppError invalid when a size cannot be read */
export function compileCache(get: <T extends string | number | boolean>(key: string) => T): CacheConfig {
  return {
    enabled: get("cache.enabled"),
    dir: get("cache.dir"),
    host: get("cache.host"),
    port: get("cache.port"),
    externalServer: get<string>("cache.actions_cache_url_override") || get<string>("cache.external_server"),
    v2: get("cache.v2"),
    retentionMs: get("cache.retention"),
    repositoryBytes: parseSize(get("cache.repo_size_limit")),
    totalBytes: parseSize(get("cache.size_limit")),
    sweepEveryMs: get("cache.sweep_interval"),
  };
}
