import type { GroupMember } from "../../domain/concurrency-group.ts";
import type { GroupWrites } from "../group-store.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { groupMemberEntity } from "../schema/run-entities.ts";
import type { Session } from "../session.ts";

const rows = new RowMapper<GroupMember>(groupMemberEntity);

/** Members of concurrency groups. */
export class GroupTable implements GroupWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  ofRun(runId: number): Promise<readonly GroupMember[]> {
    return this.#session.select(rows, "WHERE run_id = ? ORDER BY id", [runId]);
  }

  due(repositoryId?: number): Promise<readonly GroupMember[]> {
    if (repositoryId === undefined) return this.#session.select(rows, "WHERE due = 1 ORDER BY id");
    return this.#session.select(rows, "WHERE due = 1 AND repository_id = ? ORDER BY id", [repositoryId]);
  }

  async lock(repositoryId: number): Promise<void> {
    // On the embedded database there is one writer.
    if (this.#session.dialect !== "mysql") return;
    await this.#session.rows("SELECT id FROM repository WHERE id = ? FOR UPDATE", [repositoryId]);
  }

  members(repositoryId: number, groupName: string): Promise<readonly GroupMember[]> {
    return this.#session.select(rows, "WHERE repository_id = ? AND group_name = ? ORDER BY id", [
      repositoryId,
      groupName,
    ]);
  }

  async insert(member: Omit<GroupMember, "id">): Promise<GroupMember> {
    return { ...member, id: await this.#session.insert(rows, member) };
  }

  async update(id: number, patch: Partial<Pick<GroupMember, "state" | "holds" | "due">>): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async delete(id: number): Promise<void> {
    await this.#session.run("DELETE FROM group_member WHERE id = ?", [id]);
  }
}
