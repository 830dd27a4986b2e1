/** Longest message of a registration, in bytes: before it the caller is nobody. */
export const LARGEST_REGISTRATION = 1024 * 1024;
/** Longest message of the other calls, in bytes. */
export const LARGEST_REQUEST = 16 * 1024 * 1024;
/** Longest message with log rows, in bytes: runners send all rows that are not acknowledged yet at once. */
export const LARGEST_LOG_REQUEST = 256 * 1024 * 1024;
/** Longest message of streams and status reports, in bytes. */
export const LARGEST_STATUS = 1024 * 1024;
