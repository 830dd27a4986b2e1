import { AppError } from "../../lib/errors.ts";
import type { Diagnostic } from "../../workflow/diagnostic.ts";

/**
 * The refusal of a workflow file with mistakes: the sentence names the file and the first mistake, the details hold
 * all of them with their positions. Undefined when there is no error among the findings.
 */
export function workflowMistakes(path: string, diagnostics: readonly Diagnostic[]): AppError | undefined {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const [first] = errors;
  if (first === undefined) return undefined;
  const file = first.file === undefined ? "" : ` of ${first.file}, which it calls`;
  const place = `line ${first.range.line}, column ${first.range.column}${file}`;
  const count = errors.length === 1 ? "a mistake" : `${errors.length} mistakes, the first`;
  return new AppError("invalid", `${path} has ${count} at ${place}: ${first.message}`, undefined, {
    diagnostics: diagnostics.map(({ severity, code, message, range, file }) => ({
      ...{ severity, code, message, ...range },
      ...(file === undefined ? {} : { file }),
    })),
  });
}
