import { AppError } from "../lib/errors.ts";

/** Whether any of the names passes an include list (`branches`, `tags`, `paths`). `!` patterns take out what earlier ones took in. */
export function matchesAny(patterns: readonly string[], _names: readonly string[]): boolean {
  throw new AppError("internal", `matchesAny is not written yet (${patterns.length})`);
}

/** Whether every name is matched by an ignore list (`branches-ignore`, `paths-ignore`), so that the event is skipped. False without names. */
export function matchesAll(patterns: readonly string[], _names: readonly string[]): boolean {
  throw new AppError("internal", `matchesAll is not written yet (${patterns.length})`);
}
