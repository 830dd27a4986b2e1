import type { Artifact, ArtifactIndex, ArtifactPatch } from "./artifact-records.ts";
import type { RecordList } from "./record-list.ts";

/** The artifacts of a program that has no database. */
export class ListedArtifacts implements ArtifactIndex {
  readonly #list: RecordList<Artifact>;

  constructor(list: RecordList<Artifact>) {
    this.#list = list;
  }

  insert(artifact: Omit<Artifact, "id">): Promise<Artifact> {
    return this.#list.insert(artifact);
  }

  async get(id: number): Promise<Artifact | undefined> {
    return this.#list.get(id);
  }

  async findPending(taskId: number, name: string): Promise<Artifact | undefined> {
    return this.#list.all.find((other) => other.status === "pending" && other.taskId === taskId && other.name === name);
  }

  async ofRun(runId: number): Promise<readonly Artifact[]> {
    return this.#list.all.filter((artifact) => artifact.runId === runId && artifact.status === "ready");
  }

  update(id: number, patch: ArtifactPatch): Promise<void> {
    return this.#list.update(id, patch);
  }

  async publish(
    id: number,
    patch: ArtifactPatch,
    replaces: (other: Artifact) => boolean,
  ): Promise<readonly Artifact[]> {
    const artifact = this.#list.get(id);
    const others = artifact === undefined ? [] : await this.ofRun(artifact.runId);
    const replaced = others.filter((other) => other.name === artifact?.name && replaces(other));
    await this.#list.update(id, patch);
    for (const old of replaced) await this.#list.remove(old.id);
    return replaced;
  }

  remove(id: number): Promise<void> {
    return this.#list.remove(id);
  }

  async stale({ pendingBefore, now }: { readonly pendingBefore: number; readonly now: number }, limit: number) {
    const isStale = ({ status, createdAt, expiresAt }: Artifact) =>
      status === "pending" ? createdAt < pendingBefore : status === "ready" && expiresAt <= now;
    return this.#list.all.filter(isStale).slice(0, limit);
  }
}
