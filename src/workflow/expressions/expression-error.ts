import { AppError } from "../../lib/errors.ts";

/** An expression that cannot be read or evaluated. Its code is `invalid`. */
export class ExpressionError extends AppError {
  /** The stage that failed. */
  readonly stage: "lexing" | "parsing" | "evaluation";
  /** Offset in the expression's source, from 0; absent where the fault has no place. */
  readonly position: number | undefined;

  constructor(stage: ExpressionError["stage"], message: string, position?: number) {
    super("invalid", message);
    this.name = "ExpressionError";
    this.stage = stage;
    this.position = position;
  }
}
