/** Levels that `--log-level` takes. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Forms that `--log-format` takes. */
export const LOG_FORMATS = ["text", "json"] as const;

/** Options of every command that logs. */
export interface LogOptions {
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
}
