import { EntitySchema } from "typeorm";
import type { Artifact } from "../../../jobservices/artifact-records.ts";
import type { CacheEntry } from "../../../jobservices/cache-records.ts";
import { idColumn, integer, json, text } from "./columns.ts";

/** Artifacts of runs. */
export const artifactEntity = new EntitySchema<Artifact>({
  name: "artifact",
  columns: {
    id: idColumn,
    repositoryId: integer("repository_id"),
    runId: integer("run_id"),
    jobId: integer("job_id"),
    taskId: integer("task_id"),
    attempt: integer("attempt"),
    protocol: integer("protocol"),
    name: text("name"),
    contentType: text("content_type"),
    folder: text("folder"),
    files: json("files"),
    size: integer("size"),
    digest: text("digest", { nullable: true }),
    status: text("status"),
    createdAt: integer("created_at"),
    updatedAt: integer("updated_at"),
    expiresAt: integer("expires_at"),
  },
});

/** Caches of repositories. */
export const cacheEntity = new EntitySchema<CacheEntry>({
  name: "cache_entry",
  columns: {
    id: idColumn,
    repositoryId: integer("repository_id"),
    ref: text("git_ref"),
    key: text("cache_key"),
    version: text("version"),
    folder: text("folder"),
    file: json("file"),
    size: integer("size"),
    status: text("status"),
    taskId: integer("task_id"),
    createdAt: integer("created_at"),
    usedAt: integer("used_at"),
  },
});

/** What steps wrote to GITHUB_STEP_SUMMARY. */
export const stepSummaryEntity = new EntitySchema<{ taskId: number; step: number; content: string }>({
  name: "step_summary",
  columns: {
    taskId: integer("task_id", { primary: true }),
    step: integer("step_index", { primary: true }),
    content: text("content"),
  },
});

/** Folders of blobs whose row is gone and that are to be deleted. */
export const orphanedBlobEntity = new EntitySchema<{ folder: string }>({
  name: "orphaned_blob",
  columns: { folder: text("folder", { primary: true }) },
});
