import { basename } from "node:path";
import type { JsonValue } from "../lib/json.ts";
import type { CliContext } from "./cli-context.ts";
import { findWorkTree } from "./work-tree.ts";

/** What the `github` context of a local run says of the repository around a directory. */
export async function localGithub(directory: string, context: CliContext): Promise<Record<string, JsonValue>> {
  const tree = await findWorkTree(directory, context);
  const ref = tree?.ref ?? "refs/heads/main";
  const repository = repositoryOf(tree?.remote) ?? `local/${basename(tree?.root ?? directory) || "local"}`;
  const actor = context.env["USER"] || context.env["LOGNAME"] || "local";
  return {
    repository,
    repository_owner: repository.split("/")[0] ?? "local",
    ref,
    ref_name: ref.replace(/^refs\/(heads|tags)\//, ""),
    ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
    sha: tree?.sha ?? "0".repeat(40),
    actor,
    triggering_actor: actor,
    run_id: "1",
    run_number: "1",
    run_attempt: "1",
  };
}

/** The last two parts of a remote's path: `owner/name`. */
function repositoryOf(remote: string | undefined): string | undefined {
  return /([^/:]+\/[^/:]+?)(?:\.git)?\/?$/.exec(remote ?? "")?.[1];
}
