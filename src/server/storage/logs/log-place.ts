/** Where the rows of a log are; a number in the column `place` of `log`. */
export const PLACE = {
  /** In `log_segment`. */
  segments: 0,
  /** In the blob; segments of it may still be there and are being deleted. */
  sweeping: 1,
  /** In the blob alone. */
  blob: 2,
  /** Nowhere: they were deleted because of their age. */
  expired: 3,
} as const;
