/** Where the jobs of a label run. */
export type LabelSchema = "host" | "docker" | "podman";

/** A label of a runner. Only its name goes to the server. */
export interface RunnerLabel {
  readonly name: string;
  readonly schema: LabelSchema;
  /** The image of a container label, without the leading `//`; empty otherwise. */
  readonly arg: string;
  /** As it stands in the file or on the command line. */
  readonly text: string;
}

const SCHEMAS: ReadonlySet<string> = new Set<LabelSchema>(["host", "docker", "podman"]);

/**
 * Reads `name[:schema[:arg]]` as Gitea's runner does: split at the first two colons, without a schema it is the host,
 * and with an unknown schema the whole text is the name of a host label (`pool:e57e`). `podman` is ours.
 */
export function parseLabel(text: string): RunnerLabel {
  const trimmed = text.trim();
  const first = trimmed.indexOf(":");
  if (first < 0) return { name: trimmed, schema: "host", arg: "", text: trimmed };
  const second = trimmed.indexOf(":", first + 1);
  const schema = trimmed.slice(first + 1, second < 0 ? undefined : second);
  if (!SCHEMAS.has(schema)) return { name: trimmed, schema: "host", arg: "", text: trimmed };
  const arg = second < 0 ? "" : trimmed.slice(second + 1).replace(/^\/\//, "");
  return { name: trimmed.slice(0, first), schema: schema as LabelSchema, arg, text: trimmed };
}

/** Reads a list; empty texts are left out, of labels with the same name the first counts. */
export function parseLabels(texts: readonly string[]): RunnerLabel[] {
  const labels = new Map<string, RunnerLabel>();
  for (const text of texts) {
    const label = parseLabel(text);
    if (label.name !== "" && !labels.has(label.name)) labels.set(label.name, label);
  }
  return [...labels.values()];
}

/** The label that decides where a job runs: the first of its `runs-on` that this runner has. */
export function chooseLabel(labels: readonly RunnerLabel[], runsOn: readonly string[]): RunnerLabel | undefined {
  for (const name of runsOn) {
    const label = labels.find((candidate) => candidate.name === name);
    if (label !== undefined) return label;
  }
  return undefined;
}
