import { AppError } from "../../lib/errors.ts";

const MOST_LABELS = 256;
const LONGEST_LABEL = 255;

/** Cuts a text to `length` characters; what was cut is shown by an ellipsis. Never cuts a surrogate pair apart. */
export function truncated(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.slice(0, length - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/**
 * The labels of a runner, verbatim as Gitea keeps them, but each once.
 * @throws AppError invalid for an empty or overlong label, or too many
 */
export function checkedLabels(labels: readonly string[]): readonly string[] {
  const unique = [...new Set(labels)];
  if (unique.length > MOST_LABELS) throw new AppError("invalid", `a runner may have at most ${MOST_LABELS} labels`);
  const wrong = unique.find((label) => label.trim() === "" || label.length > LONGEST_LABEL);
  if (wrong !== undefined) {
    throw new AppError(
      "invalid",
      `a label must have 1 to ${LONGEST_LABEL} characters; "${truncated(wrong, 40)}" does not`,
    );
  }
  return unique;
}
