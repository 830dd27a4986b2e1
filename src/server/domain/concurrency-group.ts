/**
 * A run or a job that is, or wants to be, in a concurrency group of its repository:
 *
 *     pending ──the group is free──► active ──ends──► (gone)
 *        │ a newer one came            │ a newer one cancels what is in progress
 *        └────────────► superseded ◄───┘  ──ends──► (gone)
 */
export interface GroupMember {
  readonly id: number;
  readonly repositoryId: number;
  /** Name of the group, folded so that case does not count. */
  readonly groupName: string;
  readonly runId: number;
  /** Null for a whole run. */
  readonly jobId: number | null;
  readonly state: "pending" | "active" | "superseded";
  /** It occupies the group; one that was active and is superseded does so until it has ended. */
  readonly holds: boolean;
  /** Its run has yet to be told of its state. */
  readonly due: boolean;
  /** It gives way to no newer one while it is pending (`queue: max`). */
  readonly keepsQueue: boolean;
}

/** What a newcomer asks for. */
export interface GroupRequest {
  readonly cancelInProgress: boolean;
  readonly keepsQueue: boolean;
}

/** What a newcomer does to a group. */
export interface GroupJoin {
  readonly state: "pending" | "active";
  /** Members that have to go: those that were pending, and with `cancelInProgress` what runs. */
  readonly superseded: readonly GroupMember[];
}

/** Most that wait in one group with `queue: max`, as on GitHub. */
export const LONGEST_QUEUE = 100;

/**
 * A newcomer joins a group: it is active at once when the group is free, else it waits. One runs and one waits; the
 * newcomer takes the place of the one that waits, unless both keep the queue.
 * @param members in the order they came
 */
export function joinGroup(members: readonly GroupMember[], wanted: GroupRequest): GroupJoin {
  const pending = members.filter((member) => member.state === "pending");
  const running = members.filter((member) => member.state === "active");
  if (pending.length === 0 && !members.some((member) => member.holds)) return { state: "active", superseded: [] };
  const queued = wanted.keepsQueue ? pending.filter((member) => member.keepsQueue) : [];
  const tooMany = queued.slice(0, Math.max(0, queued.length - LONGEST_QUEUE + 1));
  const gone = [...pending.filter((member) => !queued.includes(member)), ...tooMany];
  return { state: "pending", superseded: [...gone, ...(wanted.cancelInProgress ? running : [])] };
}

/** The member whose turn it is; undefined while the group is occupied, or when nobody waits. */
export function nextInGroup(members: readonly GroupMember[]): GroupMember | undefined {
  return members.some((member) => member.holds) ? undefined : members.find((member) => member.state === "pending");
}
