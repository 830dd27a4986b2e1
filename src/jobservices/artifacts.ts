import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Artifact, ArtifactFile, ArtifactIndex } from "./artifact-records.ts";
import type { JobIdentity } from "./job-identity.ts";
import type { Uploads } from "./uploads.ts";

/** What artifacts are kept with. */
export interface ArtifactsDeps {
  readonly index: ArtifactIndex;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly ids: Ids;
  /** How long they are kept where the job says nothing; also the most it may ask for. */
  readonly retentionMs: number;
}

/** An artifact that a job begins to upload. */
export interface NewArtifact {
  readonly protocol: 3 | 4;
  readonly name: string;
  /** @default application/zip */
  readonly contentType?: string;
  /** When it may go; undefined takes the default. */
  readonly expiresAt?: number;
}

const MAX_NAME = 255;

/** Artifacts of runs: made by jobs, read by later jobs of the same run and by people. */
export class Artifacts {
  readonly #deps: ArtifactsDeps;

  constructor(deps: ArtifactsDeps) {
    this.#deps = deps;
  }

  /** Begins an upload. @throws AppError invalid for the name, conflict when the run has one of that name */
  async create(job: JobIdentity, { protocol, name, contentType, expiresAt }: NewArtifact): Promise<Artifact> {
    checkName(name);
    const { index, clock, ids, retentionMs } = this.#deps;
    const other = (await index.ofRun(job.runId)).find((artifact) => artifact.name === name);
    if (other !== undefined) this.#replaces(job, other);
    const now = clock.now();
    return await index.insert({
      ...{ repositoryId: job.repositoryId, runId: job.runId, jobId: job.jobId, taskId: job.taskId },
      ...{ attempt: job.attempt, protocol, name, contentType: contentType ?? "application/zip" },
      ...{ folder: `artifacts/${ids.uuid()}`, files: [], size: 0, digest: null, status: "pending" },
      ...{ createdAt: now, updatedAt: now },
      expiresAt: Math.min(expiresAt ?? Number.POSITIVE_INFINITY, now + retentionMs),
    });
  }

  /** A pending artifact by its id, for its upload. @throws AppError not_found, conflict when it is complete */
  async pending(id: number): Promise<Artifact> {
    const artifact = await this.#deps.index.get(id);
    if (artifact === undefined) throw new AppError("not_found", `artifact ${id} does not exist`);
    if (artifact.status !== "pending")
      throw new AppError("conflict", `artifact ${id} is complete and cannot be changed`);
    return artifact;
  }

  /** The newest artifact of this name that the task is uploading. @throws AppError not_found */
  async pendingOf(job: JobIdentity, name: string): Promise<Artifact> {
    const found = await this.#deps.index.findPending(job.taskId, name);
    if (found === undefined) throw new AppError("not_found", `this job is not uploading an artifact '${name}'`);
    return found;
  }

  /** Notes the files of a pending artifact. */
  async setFiles(artifact: Artifact, files: readonly ArtifactFile[]): Promise<void> {
    await this.#deps.index.update(artifact.id, { files, updatedAt: this.#deps.clock.now() });
  }

  /**
   * Ends an upload: from now on others see the artifact.
   * @throws AppError invalid when not all of it came, or it is not what the client hashed; conflict for the name
   */
  async finish(
    job: JobIdentity,
    artifact: Artifact,
    files: readonly ArtifactFile[],
    claimed: { readonly size?: number; readonly digest?: string } = {},
  ): Promise<Artifact> {
    const { index, uploads, clock } = this.#deps;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (claimed.size !== undefined && claimed.size !== size) {
      throw new AppError(
        "invalid",
        `artifact '${artifact.name}' has ${size} bytes, but ${claimed.size} were announced`,
      );
    }
    const [only] = files;
    const digest = artifact.protocol === 4 && only !== undefined ? await uploads.digest(only) : null;
    if (claimed.digest !== undefined && claimed.digest !== digest) {
      throw new AppError(
        "invalid",
        `artifact '${artifact.name}' was damaged on its way: its SHA-256 differs; upload it again`,
      );
    }
    const patch = { files, size, digest, status: "ready", updatedAt: clock.now() } as const;
    const replaced = await index.publish(artifact.id, patch, (other) => this.#replaces(job, other));
    for (const old of replaced) await uploads.remove(old.folder);
    return { ...artifact, ...patch };
  }

  /** Artifacts of a run that can be read, newest first. */
  async ofRun(
    runId: number,
    filter: { readonly name?: string; readonly id?: number } = {},
  ): Promise<readonly Artifact[]> {
    const now = this.#deps.clock.now();
    return (await this.#deps.index.ofRun(runId)).filter(
      (artifact) =>
        artifact.expiresAt > now &&
        (filter.name === undefined || artifact.name === filter.name) &&
        (filter.id === undefined || artifact.id === filter.id),
    );
  }

  /** A readable artifact by its id. @throws AppError not_found */
  async readable(id: number): Promise<Artifact> {
    const artifact = await this.#deps.index.get(id);
    if (artifact?.status !== "ready" || artifact.expiresAt <= this.#deps.clock.now()) {
      throw new AppError("not_found", `artifact ${id} does not exist, or has expired`);
    }
    return artifact;
  }

  /** Deletes an artifact with its files. */
  async delete(artifact: Artifact): Promise<void> {
    await this.#deps.index.remove(artifact.id);
    await this.#deps.uploads.remove(artifact.folder);
  }

  /**
   * Whether the artifact gives way to one of the same name by this job: what an earlier attempt or delivery made does.
   * @throws AppError conflict when it does not
   */
  #replaces(job: JobIdentity, other: Artifact): boolean {
    const earlier = other.jobId === job.jobId ? other.taskId !== job.taskId : other.attempt < job.attempt;
    if (earlier) return true;
    // stock clients show this sentence as it is
    throw new AppError("conflict", `an artifact with this name already exists on the workflow run: '${other.name}'`);
  }
}

/** @throws AppError invalid */
function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  if (name === "" || name.length > MAX_NAME || /["<>:|*?\\/\u0000-\u001f]/.test(name)) {
    throw new AppError(
      "invalid",
      `'${name}' cannot be the name of an artifact: use 1 to ${MAX_NAME} characters without " < > : | * ? \\ /`,
    );
  }
}
