import type { GroupMember } from "../domain/concurrency-group.ts";

/** Reads who is in which concurrency group. Members go with their run or job. */
export interface GroupReads {
  /** Members of a run: the run itself and its jobs, by id. */
  ofRun(runId: number): Promise<readonly GroupMember[]>;
  /** Those whose runs have yet to be told of their state, by id; of one repository, or of all. */
  due(repositoryId?: number): Promise<readonly GroupMember[]>;
}

/** Changes who is in which concurrency group. */
export interface GroupWrites extends GroupReads {
  /** Takes the lock of all groups of a repository; to be taken before any of them is looked at in order to change it. */
  lock(repositoryId: number): Promise<void>;
  /** Members of a group in the order they came. */
  members(repositoryId: number, groupName: string): Promise<readonly GroupMember[]>;
  insert(member: Omit<GroupMember, "id">): Promise<GroupMember>;
  update(id: number, patch: Partial<Pick<GroupMember, "state" | "holds" | "due">>): Promise<void>;
  delete(id: number): Promise<void>;
}
