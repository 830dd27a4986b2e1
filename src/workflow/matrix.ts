import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import type { ExprValue } from "./expressions/value.ts";

/** One combination of a matrix. */
export interface MatrixLeg {
  /** The `matrix` context. */
  readonly values: { readonly [key: string]: JsonValue };
  /** What GitHub appends to the job's name: ` (a, b)`, or empty. */
  readonly nameSuffix: string;
}

/** Expands `strategy.matrix`. @throws AppError("invalid") on an empty vector, a wrong shape, or more than 256 legs */
export function expandMatrix(value: ExprValue): MatrixLeg[] {
  throw new AppError("internal", `expandMatrix is not written yet (${typeof value})`);
}
