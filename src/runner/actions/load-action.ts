import { AppError } from "../../lib/errors.ts";
import { parseActionMetadata } from "../../workflow/action-metadata.ts";
import type { ActionMetadata } from "../../workflow/action-model.ts";

/** An action that can be run. */
export interface LoadedAction {
  /** As the step names it. */
  readonly uses: string;
  readonly metadata: ActionMetadata;
  /** Its folder as the job sees it. */
  readonly directory: string;
  /** `owner/repo`; empty for an action of the workspace. */
  readonly repository: string;
  /** The ref as the step names it; empty for an action of the workspace. */
  readonly ref: string;
  /** Its files where no job can change them, and a name for their content; absent for an action of the workspace. */
  readonly source?: { readonly folder: string; readonly key: string };
}

/** Reads a file of an action by its name; undefined when there is none. */
type ReadActionFile = (name: string) => Promise<Buffer | undefined>;

/** A larger `action.yml` is refused. */
export const MAX_METADATA_BYTES = 1024 * 1024;

/**
 * Reads an action's definition: `action.yml`, else `action.yaml`, else a bare `Dockerfile`.
 * @throws AppError not_found, invalid with the first mistake and its line
 */
export async function loadMetadata(uses: string, read: ReadActionFile): Promise<ActionMetadata> {
  for (const name of ["action.yml", "action.yaml"]) {
    const source = await read(name);
    if (source !== undefined) return readMetadata(uses, name, source.toString("utf8"));
  }
  if ((await read("Dockerfile")) !== undefined) {
    return { inputs: new Map(), outputs: new Map(), runs: { kind: "docker", image: "Dockerfile" } };
  }
  throw new AppError(
    "not_found",
    `the action '${uses}' has neither an action.yml nor an action.yaml nor a Dockerfile${uses.startsWith(".") ? ": check the path, and that a checkout runs before it" : ""}`,
  );
}

function readMetadata(uses: string, name: string, source: string): ActionMetadata {
  const { metadata, diagnostics } = parseActionMetadata(source);
  const mistake = diagnostics.find(({ severity }) => severity === "error");
  if (metadata === undefined) {
    const place = mistake === undefined ? "" : `, line ${mistake.range.line}`;
    throw new AppError("invalid", `the action '${uses}' is wrong (${name}${place}): ${mistake?.message ?? "no runs"}`);
  }
  const { runs } = metadata;
  const bare = runs.kind === "composite" ? runs.steps.find((step) => step.run !== undefined && !step.shell) : undefined;
  if (bare !== undefined) {
    throw new AppError(
      "invalid",
      `the action '${uses}' is wrong (${name}, line ${bare.range.line}): Required property is missing: shell`,
    );
  }
  return metadata;
}
