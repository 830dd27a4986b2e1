import { AppError } from "../lib/errors.ts";
import { calledName } from "./call-reference.ts";
import { checkCall } from "./check-call.ts";
import type { Diagnostic, Range } from "./diagnostic.ts";
import { MAX_JOBS } from "./limits.ts";
import type { JobDefinition, Workflow } from "./model.ts";
import { beyond, type Permissions, permissionsOf } from "./permissions.ts";

/** A workflow with those that its jobs call. */
export interface WorkflowTree {
  /** Name of the file as `calledName` gives it; undefined for the run's own. */
  readonly name: string | undefined;
  readonly workflow: Workflow;
  /** By the id of the calling job. */
  readonly calls: ReadonlyMap<string, WorkflowTree>;
}

/** A called file as far as it could be read. */
export interface CalledFile {
  /** Absent when it cannot be had or has an error. */
  readonly workflow?: Workflow;
  readonly diagnostics: readonly Diagnostic[];
  /** Why it cannot be had. */
  readonly problem?: string;
}

/** What calls may be like. */
export interface CallLimits {
  /** Levels of called workflows below the run's own. @default 9, as on GitHub and Gitea */
  readonly maxDepth?: number;
  /** Jobs of the run, callers and called ones. @default 256 */
  readonly maxJobs?: number;
  /** What jobs may do that no `permissions` key speaks of. @default everything */
  readonly permissions?: Permissions;
}

/** Levels of called workflows below the run's own. */
export const MAX_CALL_DEPTH = 9;

/**
 * Puts a run's workflow and the files that it calls together, and checks every call: that the file may be called, its
 * inputs and secrets, its permissions, and that there is no loop. The tree is absent exactly when there is an error.
 * @param files by name; a call of a file that is not among them is left out
 */
export function linkCalls(
  workflow: Workflow,
  files: ReadonlyMap<string, CalledFile>,
  limits: CallLimits = {},
): { tree?: WorkflowTree; diagnostics: readonly Diagnostic[] } {
  const linker = new Linker(files, limits);
  const tree = linker.link({ workflow, name: undefined, trail: [], allowed: limits.permissions });
  const diagnostics = linker.diagnostics;
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return failed ? { diagnostics } : { tree, diagnostics };
}

/** One workflow of the tree, and how it came to be called. */
interface Place {
  readonly workflow: Workflow;
  readonly name: string | undefined;
  /** Names of the files from the run's own down to this one. */
  readonly trail: readonly string[];
  /** What the caller may do; undefined when that is everything. */
  readonly allowed: Permissions | undefined;
}

class Linker {
  readonly #files: ReadonlyMap<string, CalledFile>;
  readonly #limits: CallLimits;
  readonly #found = new Map<string, Diagnostic>();
  #jobs = 0;

  constructor(files: ReadonlyMap<string, CalledFile>, limits: CallLimits) {
    this.#files = files;
    this.#limits = limits;
  }

  get diagnostics(): readonly Diagnostic[] {
    return [...this.#found.values()];
  }

  link(place: Place): WorkflowTree {
    const calls = new Map<string, WorkflowTree>();
    for (const job of place.workflow.jobs.values()) {
      const { maxJobs = MAX_JOBS } = this.#limits;
      if (++this.#jobs > maxJobs) {
        this.#report(place, "too-many-jobs", `The workflow may not contain more than ${maxJobs} jobs`, job.range);
        break;
      }
      if (job.uses === undefined) continue;
      const called = this.#call(place, job, job.uses);
      if (called !== undefined) calls.set(job.id, called);
    }
    return { name: place.name, workflow: place.workflow, calls };
  }

  #call(place: Place, job: JobDefinition, uses: string): WorkflowTree | undefined {
    const range = job.usesRange ?? job.range;
    const name = this.#nameOf(place, uses, range);
    const file = name === undefined ? undefined : this.#files.get(name);
    if (name === undefined || file === undefined) return undefined;
    const { maxDepth = MAX_CALL_DEPTH } = this.#limits;
    if (place.trail.includes(name)) {
      const message = `The workflow ${name} calls itself: ${[...place.trail, name].join(" → ")}; remove one of the calls`;
      return this.#report(place, "call-loop", message, range);
    }
    if (place.trail.length >= maxDepth) {
      const message = `Nested reusable workflow depth exceeded ${maxDepth}; ${name} is called too deep`;
      return this.#report(place, "calls-too-deep", message, range);
    }
    if (file.problem !== undefined) return this.#report(place, "call-failed", file.problem, range);
    for (const found of file.diagnostics) this.#add({ ...found, file: name });
    if (file.workflow === undefined) return undefined;
    for (const found of checkCall(job, file.workflow)) this.#add(placed(found, place));
    const allowed = granted(place, job);
    this.#checkPermissions(place, job, name, file.workflow, allowed);
    return this.link({ workflow: file.workflow, name, trail: [...place.trail, name], allowed });
  }

  #nameOf(place: Place, uses: string, range: Range): string | undefined {
    try {
      return calledName(uses, place.name);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return this.#report(place, "bad-call", error.message, range);
    }
  }

  /** Called jobs can only have less than their caller. */
  #checkPermissions(
    place: Place,
    caller: JobDefinition,
    name: string,
    workflow: Workflow,
    allowed: Permissions | undefined,
  ): void {
    if (allowed === undefined) return;
    for (const job of workflow.jobs.values()) {
      const asked = job.permissions ?? workflow.permissions;
      const excess = asked === undefined ? [] : beyond(permissionsOf(asked), allowed);
      if (excess.length === 0) continue;
      const list = (which: "asked" | "allowed") => excess.map((one) => `${one.scope}: ${one[which]}`).join(", ");
      const message = `Error calling workflow '${name}': its job '${job.id}' is requesting '${list("asked")}', but is only allowed '${list("allowed")}'`;
      this.#report(place, "permission-exceeded", message, caller.idRange ?? caller.range);
    }
  }

  #report(place: Place, code: string, message: string, range: Range): undefined {
    this.#add(placed({ severity: "error", code, message, range }, place));
  }

  #add(found: Diagnostic): void {
    this.#found.set(`${found.file} ${found.range.line}:${found.range.column} ${found.message}`, found);
  }
}

/** What a job may do: what it says, else what its workflow says, else what the caller may do. */
function granted({ workflow, allowed }: Place, job: JobDefinition): Permissions | undefined {
  const own = job.permissions ?? workflow.permissions;
  return own === undefined ? allowed : permissionsOf(own);
}

function placed(found: Diagnostic, { name }: Place): Diagnostic {
  return name === undefined ? found : { ...found, file: name };
}
