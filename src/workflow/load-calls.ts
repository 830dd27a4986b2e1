import { AppError } from "../lib/errors.ts";
import { calledName } from "./call-reference.ts";
import { type CalledFile, MAX_CALL_DEPTH } from "./link-calls.ts";
import type { Workflow } from "./model.ts";

/** Most files that a run's workflow may call, directly or not, as on GitHub. */
const MAX_FILES = 50;

/** Codes of errors that the author of a workflow can put right. */
const AUTHORS: readonly string[] = ["invalid", "not_found", "forbidden"];

/**
 * Loads the files that a workflow calls, directly or not, each once.
 * @param load reads one file by its name, see `calledName`
 * @throws AppError what `load` throws, but for what the author can put right: that is a `problem` of the file
 */
export async function loadCalls(
  root: Workflow,
  load: (name: string) => Promise<CalledFile>,
): Promise<ReadonlyMap<string, CalledFile>> {
  const files = new Map<string, CalledFile>();
  let callers: readonly (readonly [string | undefined, Workflow])[] = [[undefined, root]];
  for (let depth = 0; depth < MAX_CALL_DEPTH && callers.length > 0; depth++) {
    const called: [string, Workflow][] = [];
    for (const [from, workflow] of callers) {
      for (const name of calledBy(workflow, from)) {
        if (files.has(name)) continue;
        const file = files.size < MAX_FILES ? await attempt(name, load) : tooMany(name);
        files.set(name, file);
        if (file.workflow !== undefined) called.push([name, file.workflow]);
        if (files.size > MAX_FILES) return files;
      }
    }
    callers = called;
  }
  // Deeper calls are too deep: the names are enough for saying so.
  for (const [from, workflow] of callers) {
    for (const name of calledBy(workflow, from)) if (!files.has(name)) files.set(name, { diagnostics: [] });
  }
  return files;
}

/** Names of the files that a workflow calls; what is no name is left to `linkCalls`. */
function calledBy(workflow: Workflow, from: string | undefined): string[] {
  return [...workflow.jobs.values()].flatMap(({ uses }) => {
    if (uses === undefined) return [];
    try {
      return [calledName(uses, from)];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return [];
    }
  });
}

async function attempt(name: string, load: (name: string) => Promise<CalledFile>): Promise<CalledFile> {
  try {
    return await load(name);
  } catch (error) {
    if (!(error instanceof AppError) || !AUTHORS.includes(error.code)) throw error;
    return { diagnostics: [], problem: `The workflow ${name} cannot be called: ${error.message}` };
  }
}

function tooMany(name: string): CalledFile {
  return { diagnostics: [], problem: `The workflow ${name} cannot be called: a run calls at most ${MAX_FILES} files` };
}
