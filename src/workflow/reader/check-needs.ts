import { foldCase, toText } from "../expressions/value.ts";
import { MAX_JOBS } from "../limits.ts";
import type { JobDefinition } from "../model.ts";
import type { Findings } from "./findings.ts";
import type { ReadJob } from "./read-job.ts";
import type { YamlMapping } from "./yaml-node.ts";

/** Checks that needs exist and make no cycle, and spells them as the jobs are spelt. */
export function checkNeeds(
  read: readonly ReadJob[],
  node: YamlMapping,
  findings: Findings,
): Map<string, JobDefinition> {
  if (read.length > MAX_JOBS) {
    const message = `The workflow has ${read.length} jobs; at most ${MAX_JOBS} are allowed`;
    findings.error("too-many-jobs", message, node.range);
    return new Map(read.map(({ job }) => [job.id, job]));
  }
  const ids = new Map(read.map(({ job }) => [foldCase(job.id), job.id]));
  const jobs = new Map<string, JobDefinition>();
  for (const { job, needs } of read) {
    const known = new Set<string>();
    for (const need of needs) {
      const spelling = ids.get(foldCase(toText(need.value)));
      if (spelling !== undefined) known.add(spelling);
      else {
        const message = `Job '${job.id}' depends on unknown job '${toText(need.value)}'; correct 'needs' or add the job`;
        findings.error("unknown-need", message, need.range);
      }
    }
    jobs.set(job.id, { ...job, needs: [...known] });
  }
  if (read.length > 0 && read.every(({ needs }) => needs.length > 0)) {
    const first = node.entries[0]?.key.range ?? node.range;
    findings.error("no-root", "The workflow must contain at least one job with no dependencies", first);
    return jobs;
  }
  reportCycles(read, jobs, findings);
  return jobs;
}

function reportCycles(read: readonly ReadJob[], jobs: ReadonlyMap<string, JobDefinition>, findings: Findings): void {
  const spelling = new Map([...jobs.keys()].map((id) => [foldCase(id), id]));
  for (const { job, needs } of read) {
    const checked = new Set<string>();
    for (const need of needs) {
      const target = spelling.get(foldCase(toText(need.value)));
      if (target === undefined || checked.has(target)) continue;
      checked.add(target);
      if (!reaches(target, job.id, jobs)) continue;
      const message = `Job '${job.id}' depends on job '${target}' which creates a cycle in the dependency graph`;
      findings.error("cyclic-needs", message, need.range);
    }
  }
}

function reaches(from: string, goal: string, jobs: ReadonlyMap<string, JobDefinition>): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === goal) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(jobs.get(id)?.needs ?? []));
  }
  return false;
}
