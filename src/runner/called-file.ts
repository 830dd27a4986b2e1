import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../lib/errors.ts";
import { parseCallReference } from "../workflow/call-reference.ts";
import type { CalledFile } from "../workflow/link-calls.ts";
import { parseWorkflow } from "../workflow/parse-workflow.ts";
import type { ActionSource } from "./actions/action-source.ts";

/** Where called files come from when workflows run without a server. */
export interface CalledFileOptions {
  /** Folder of `./path`; absolute. */
  readonly directory: string;
  /** Where repositories come from. @default none can be fetched */
  readonly actions?: ActionSource;
  readonly signal: AbortSignal;
}

/**
 * Reads a workflow file that a job calls: `./path` from the directory, others from their repository, which is fetched
 * like that of an action. @throws AppError not_found, invalid, unavailable
 */
export async function readCalled(name: string, { directory, actions, signal }: CalledFileOptions): Promise<CalledFile> {
  const reference = parseCallReference(name);
  if (reference.kind === "local") return await parsed(directory, reference.path);
  if (actions === undefined) throw new AppError("invalid", "no repositories can be fetched here");
  const access = { defaultUrl: "", serverUrl: "", serverAliases: [], token: undefined, repository: "" };
  const { owner, repo, ref } = reference;
  const { folder } = await actions.fetch({ kind: "repository", owner, repo, ref, path: "" }, access, { signal });
  return await parsed(folder, reference.path);
}

async function parsed(folder: string, path: string): Promise<CalledFile> {
  let source: string;
  try {
    source = await readFile(join(folder, path), "utf8");
  } catch (error) {
    throw new AppError("not_found", `there is no file ${path}`, error);
  }
  return parseWorkflow(source);
}
