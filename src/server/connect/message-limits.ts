/** Longest message of a registration, in bytes: before it the caller is nobody. */
export const LARGEST_REGISTRATION = 1024 * 1024;
/** Longest message of the other calls, in bytes. */
export const LARGEST_REQUEST = 16 * 1024 * 1024;
/** Longest message with log rows, in bytes: runners send all rows that are not acknowledged yet at once. */
export const LARGEST_LOG_REQUEST = 256 * 1024 * 1024;
/**
 * The same where Connect's own handler takes it (gRPC, JSON), which decodes before anybody counts the rows: 16 MiB may
 * become more than 1 GB in memory, 4 MiB are gRPC's own default.
 */
export const LARGEST_CONNECT_LOG_REQUEST = 4 * 1024 * 1024;
/** Longest message of streams and status reports, in bytes. */
export const LARGEST_STATUS = 1024 * 1024;
