import type { StoredFile } from "./stored-file.ts";

/** One file of an artifact. Those of protocol 4 have exactly one: a zip, or whatever was uploaded as it is. */
export interface ArtifactFile extends StoredFile {
  /** Path in the artifact (protocol 3), or the file's name (protocol 4). */
  readonly path: string;
  /** `gzip` where the client has compressed it. */
  readonly encoding: string | null;
}

/** What a run has made, and keeps for later jobs and for people. */
export interface Artifact {
  readonly id: number;
  readonly repositoryId: number;
  readonly runId: number;
  readonly jobId: number;
  readonly taskId: number;
  /** Attempt of the job. */
  readonly attempt: number;
  readonly protocol: 3 | 4;
  readonly name: string;
  readonly contentType: string;
  /** Prefix of all its blobs. */
  readonly folder: string;
  readonly files: readonly ArtifactFile[];
  /** In bytes, as stored. */
  readonly size: number;
  /** SHA-256 of the file in hex; null for those of protocol 3. */
  readonly digest: string | null;
  /** `pending` while it is being uploaded; `expired` when its files are gone. */
  readonly status: "pending" | "ready" | "expired";
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number;
}

/** Fields that change after an artifact was made. */
export type ArtifactPatch = Partial<Pick<Artifact, "files" | "size" | "digest" | "status" | "updatedAt">>;

/** What is known of artifacts. */
export interface ArtifactIndex {
  insert(artifact: Omit<Artifact, "id">): Promise<Artifact>;
  get(id: number): Promise<Artifact | undefined>;
  /** The newest pending artifact of a task with this name. */
  findPending(taskId: number, name: string): Promise<Artifact | undefined>;
  /** Artifacts of a run that are ready, newest first. */
  ofRun(runId: number): Promise<readonly Artifact[]>;
  update(id: number, patch: ArtifactPatch): Promise<void>;
  /**
   * Makes a pending artifact ready, in one step with the removal of those of the same name that it replaces, which are
   * returned. @param replaces asked for every ready artifact of that name in the run; throws where it stands in the way
   */
  publish(id: number, patch: ArtifactPatch, replaces: (other: Artifact) => boolean): Promise<readonly Artifact[]>;
  remove(id: number): Promise<void>;
  /** Some that were left pending before `pendingBefore`, or that are ready and expired before `now`. */
  stale(times: { readonly pendingBefore: number; readonly now: number }, limit: number): Promise<readonly Artifact[]>;
}
