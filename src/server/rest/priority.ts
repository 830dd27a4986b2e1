import { z } from "zod";

/** A priority of jobs or runners; higher goes first, 0 is usual. */
export const priority = z.number().int().min(-1000).max(1000);
