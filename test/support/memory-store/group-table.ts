import type { GroupWrites } from "../../../src/server/storage/group-store.ts";
import { type MemoryView, tableOf } from "./memory-view.ts";

/** Members of concurrency groups. */
export function groupTable(view: MemoryView): GroupWrites {
  return tableOf<GroupWrites>("groupMember", {
    ofRun: (runId) => view.read(() => view.all("groupMember").filter((member) => member.runId === runId)),
    due: (repositoryId) =>
      view.read(() =>
        view
          .all("groupMember")
          .filter((member) => member.due && (repositoryId ?? member.repositoryId) === member.repositoryId),
      ),
    lock: (repositoryId) => view.change([`repository ${repositoryId}`], () => undefined),
    members: (repositoryId, groupName) =>
      view.read(() =>
        view
          .all("groupMember")
          .filter((member) => member.repositoryId === repositoryId && member.groupName === groupName),
      ),
    insert: (member) =>
      view.change([], () => {
        const row = { ...member, id: view.nextId("groupMember") };
        view.put("groupMember", row.id, row);
        return row;
      }),
    update: (id, patch) =>
      view.change([`group member ${id}`], () => {
        const row = view.get("groupMember", id);
        if (row !== undefined) view.put("groupMember", id, { ...row, ...patch });
      }),
    delete: (id) => view.change([`group member ${id}`], () => view.remove("groupMember", id)),
  });
}
