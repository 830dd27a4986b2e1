import type { Artifact, ArtifactPatch } from "../../../jobservices/artifact-records.ts";
import { placeholders } from "../dialect.ts";
import type { ArtifactFilter, ArtifactWrites } from "../job-service-store.ts";
import { artifactEntity } from "../schema/job-service-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";
import type { Page, PageRequest } from "../store.ts";
import { readPage } from "./page.ts";

const rows = new RowMapper<Artifact>(artifactEntity);

/** Artifacts. */
export class ArtifactTable implements ArtifactWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<Artifact | undefined> {
    return this.#session.first(rows, "WHERE id = ?", [id]);
  }

  ofRun(runId: number): Promise<readonly Artifact[]> {
    return this.#session.select(rows, "WHERE run_id = ? AND status = 'ready' ORDER BY id DESC", [runId]);
  }

  findPending(taskId: number, name: string): Promise<Artifact | undefined> {
    const where = "WHERE task_id = ? AND name = ? AND status = 'pending' ORDER BY id DESC LIMIT 1";
    return this.#session.first(rows, where, [taskId, name]);
  }

  list({ repositoryId, runId, name }: ArtifactFilter, page: PageRequest): Promise<Page<Artifact>> {
    const equals = { repository_id: repositoryId, run_id: runId, name, protocol: 4 };
    return readPage(this.#session, rows, { equals, among: { status: ["ready", "expired"] } }, page);
  }

  stale({ pendingBefore, now }: { readonly pendingBefore: number; readonly now: number }, limit: number) {
    const where = "WHERE (status = 'pending' AND created_at < ?) OR (status = 'ready' AND expires_at <= ?) LIMIT ?";
    return this.#session.select(rows, where, [pendingBefore, now, limit]);
  }

  async insert(artifact: Omit<Artifact, "id">): Promise<Artifact> {
    return { ...artifact, id: await this.#session.insert(rows, artifact) };
  }

  async update(id: number, patch: ArtifactPatch): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async publish(
    id: number,
    patch: ArtifactPatch,
    replaces: (other: Artifact) => boolean,
  ): Promise<readonly Artifact[]> {
    const artifact = await this.get(id);
    if (artifact === undefined) return [];
    // two jobs of a run may end an upload of the same name at once: the run's lock puts them in order
    const lock = this.#session.dialect === "mysql" ? " FOR UPDATE" : "";
    await this.#session.rows(`SELECT id FROM run WHERE id = ?${lock}`, [artifact.runId]);
    const where = `WHERE run_id = ? AND name = ? AND status = 'ready'${lock}`;
    const others = await this.#session.select(rows, where, [artifact.runId, artifact.name]);
    const replaced = others.filter(replaces);
    await this.update(id, patch);
    const ids = replaced.map((other) => other.id);
    await this.#session.run(`DELETE FROM artifact WHERE id IN ${placeholders(ids.length)}`, ids);
    return replaced;
  }

  async remove(id: number): Promise<void> {
    await this.#session.run("DELETE FROM artifact WHERE id = ?", [id]);
  }
}
