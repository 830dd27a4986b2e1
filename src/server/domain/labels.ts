/**
 * Whether a runner with `labels` may take a job with `runsOn`: every entry of `runs-on` is among the labels, compared
 * with case, as Gitea and Forgejo do.
 * @param options `emptyRunsOnMatches`: whether a job without `runs-on` fits any runner (Gitea: true, Forgejo: false). @default true
 */
export function matches(
  runsOn: readonly string[],
  labels: readonly string[] | ReadonlySet<string>,
  { emptyRunsOnMatches = true } = {},
): boolean {
  if (runsOn.length === 0) return emptyRunsOnMatches;
  const has = labels instanceof Set ? labels : new Set(labels);
  return runsOn.every((label) => has.has(label));
}
