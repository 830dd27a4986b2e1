import type { Artifact, ArtifactIndex } from "../../jobservices/artifact-records.ts";
import type { CacheEntry, CacheIndex } from "../../jobservices/cache-records.ts";
import type { Page, PageRequest } from "../domain/page.ts";

/** What a list of artifacts is limited to; those of protocol 3 and unfinished ones are never in it. */
export interface ArtifactFilter {
  readonly repositoryId?: number;
  readonly runId?: number;
  readonly name?: string;
}
/** Artifacts, read. */
export interface ArtifactReads extends Pick<ArtifactIndex, "get" | "findPending" | "ofRun" | "stale"> {
  list(filter: ArtifactFilter, page: PageRequest): Promise<Page<Artifact>>;
}
/** Artifacts, changed. */
export interface ArtifactWrites extends ArtifactReads, ArtifactIndex {}

/** What a list of caches is limited to; `key` is how the key begins. */
export interface CacheFilter {
  readonly repositoryId?: number;
  readonly key?: string;
  readonly ref?: string;
}
/** Caches, read. */
export interface CacheReads
  extends Pick<CacheIndex, "get" | "find" | "findPending" | "totalSize" | "leastUsed" | "stale"> {
  list(filter: CacheFilter, page: PageRequest): Promise<Page<CacheEntry>>;
}
/** Caches, changed. */
export interface CacheWrites extends CacheReads, CacheIndex {}

/** What a step wrote to GITHUB_STEP_SUMMARY: Markdown. */
export interface StepSummary {
  /** Position of the step, from 0. */
  readonly step: number;
  readonly content: string;
}
/** Step summaries, read. */
export interface SummaryReads {
  /** In the order of the steps. */
  ofTask(taskId: number): Promise<readonly StepSummary[]>;
}
/** Step summaries, changed. */
export interface SummaryWrites extends SummaryReads {
  /** Keeps a summary; a later one of the step replaces it. */
  put(taskId: number, step: number, content: string): Promise<void>;
}

/** Folders of blobs to be deleted: their rows went with a run or a repository. */
export interface OrphanedBlobReads {
  list(limit: number): Promise<readonly string[]>;
}
/** The same, to be forgotten once they are gone. */
export interface OrphanedBlobWrites extends OrphanedBlobReads {
  forget(folders: readonly string[]): Promise<void>;
}
