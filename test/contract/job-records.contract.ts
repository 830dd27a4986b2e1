import { describe, expect, it } from "vitest";
import type { Artifact, ArtifactIndex } from "../../src/jobservices/artifact-records.ts";
import type { CacheEntry, CacheIndex } from "../../src/jobservices/cache-records.ts";
import { AppError } from "../../src/lib/errors.ts";

/** Records of the job services, with ids of things that exist. */
export interface RecordsSubject extends AsyncDisposable {
  readonly artifacts: ArtifactIndex;
  readonly caches: CacheIndex;
  readonly repositoryId: number;
  readonly runId: number;
}

/** What every keeper of these records does. */
export function jobRecordsContract(open: () => Promise<RecordsSubject>): void {
  const artifact = ({ repositoryId, runId }: RecordsSubject, more: Partial<Artifact> = {}): Omit<Artifact, "id"> => ({
    ...{ repositoryId, runId, jobId: 1, taskId: 1, attempt: 1, protocol: 4, name: "site" },
    ...{ contentType: "application/zip", folder: `artifacts/${Math.random()}`, files: [], size: 0, digest: null },
    ...{ status: "pending", createdAt: 10, updatedAt: 10, expiresAt: 1000 },
    ...more,
  });
  const entry = ({ repositoryId }: RecordsSubject, more: Partial<CacheEntry> = {}): Omit<CacheEntry, "id"> => ({
    ...{ repositoryId, ref: "refs/heads/main", key: "linux-1", version: "v", folder: `caches/${Math.random()}` },
    ...{ file: null, size: 5, status: "ready", taskId: 1, createdAt: 10, usedAt: 10 },
    ...more,
  });

  describe("artifacts", () => {
    it("are seen once they are published, and come back as they were", async () => {
      await using subject = await open();
      const { artifacts, runId } = subject;
      const made = await artifacts.insert(artifact(subject, { name: 'Übersicht "1"' }));
      expect(await artifacts.ofRun(runId)).toEqual([]);
      expect(await artifacts.findPending(1, 'Übersicht "1"')).toEqual(made);
      expect(await artifacts.findPending(2, 'Übersicht "1"')).toBeUndefined();
      const parts = [{ name: "p", size: 3 }];
      const patch = { files: [{ path: "a", encoding: null, folder: "f", parts, size: 3 }], size: 3, digest: "d" };
      expect(await artifacts.publish(made.id, { ...patch, status: "ready" }, () => true)).toEqual([]);
      const found = await artifacts.ofRun(runId);
      expect(found).toEqual([{ ...made, ...patch, status: "ready" }]);
      expect(await artifacts.get(made.id)).toEqual(found[0]);
    });

    it("replace those of the same name that give way, and else stay pending", async () => {
      await using subject = await open();
      const { artifacts, runId } = subject;
      const old = await artifacts.insert(artifact(subject, { status: "ready" }));
      const other = await artifacts.insert(artifact(subject, { status: "ready", name: "Site" }));
      const next = await artifacts.insert(artifact(subject));
      const refuse = () => {
        throw new AppError("conflict", "it is there");
      };
      await expect(artifacts.publish(next.id, { status: "ready" }, refuse)).rejects.toThrow("it is there");
      expect((await artifacts.get(next.id))?.status).toBe("pending");
      expect(await artifacts.publish(next.id, { status: "ready" }, ({ id }) => id === old.id)).toEqual([old]);
      expect((await artifacts.ofRun(runId)).map(({ id }) => id)).toEqual([next.id, other.id]);
    });

    it("are stale when they were left pending, or have expired", async () => {
      await using subject = await open();
      const { artifacts } = subject;
      const left = await artifacts.insert(artifact(subject, { createdAt: 4 }));
      await artifacts.insert(artifact(subject, { createdAt: 5 }));
      const expired = await artifacts.insert(artifact(subject, { status: "ready", expiresAt: 50 }));
      await artifacts.insert(artifact(subject, { status: "ready", expiresAt: 51 }));
      await artifacts.insert(artifact(subject, { status: "expired", expiresAt: 1 }));
      const stale = await artifacts.stale({ pendingBefore: 5, now: 50 }, 10);
      expect(stale.map(({ id }) => id).sort()).toEqual([left.id, expired.id].sort());
      expect(await artifacts.stale({ pendingBefore: 5, now: 50 }, 1)).toHaveLength(1);
      await artifacts.remove(left.id);
      expect(await artifacts.get(left.id)).toBeUndefined();
    });
  });

  describe("caches", () => {
    it("are found by key and by its beginning, the newest first, in one ref and version alone", async () => {
      await using subject = await open();
      const { caches, repositoryId } = subject;
      const place = { repositoryId, ref: "refs/heads/main", version: "v" };
      const first = await caches.insert(entry(subject));
      const second = await caches.insert(entry(subject, { key: "linux-2" }));
      await caches.insert(entry(subject, { key: "linux-3", status: "pending" }));
      await caches.insert(entry(subject, { key: "linux-4", ref: "refs/heads/next" }));
      await caches.insert(entry(subject, { key: "linux-5", version: "w" }));
      expect(await caches.find(place, "linux-1", "exact")).toEqual(first);
      expect(await caches.find(place, "linux-", "exact")).toBeUndefined();
      expect(await caches.find(place, "linux-", "prefix")).toEqual(second);
      expect(await caches.find(place, "LINUX-", "prefix")).toBeUndefined();
      expect(await caches.find(place, "linux_", "prefix")).toBeUndefined();
      expect(await caches.find(place, "%", "prefix")).toBeUndefined();
    });

    it("are published once under a key", async () => {
      await using subject = await open();
      const { caches } = subject;
      const [one, two] = [
        await caches.insert(entry(subject, { status: "pending" })),
        await caches.insert(entry(subject, { status: "pending", taskId: 2 })),
      ];
      expect(await caches.findPending(2, "linux-1", "v")).toEqual(two);
      const file = { folder: "f", parts: [{ name: "p", size: 5 }], size: 5 };
      expect(await caches.publish(one.id, { status: "ready", file })).toBe(true);
      expect(await caches.publish(two.id, { status: "ready", file })).toBe(false);
      expect(await caches.get(one.id)).toEqual({ ...one, status: "ready", file });
    });

    it("are counted, and listed by their last use", async () => {
      await using subject = await open();
      const { caches, repositoryId } = subject;
      const late = await caches.insert(entry(subject, { usedAt: 30 }));
      const early = await caches.insert(entry(subject, { key: "b", usedAt: 20, size: 7 }));
      await caches.insert(entry(subject, { key: "c", status: "pending", size: 100, createdAt: 1 }));
      expect([await caches.totalSize(repositoryId), await caches.totalSize(), await caches.totalSize(999)]).toEqual([
        12, 12, 0,
      ]);
      expect((await caches.leastUsed(5, repositoryId)).map(({ id }) => id)).toEqual([early.id, late.id]);
      expect((await caches.leastUsed(1)).map(({ id }) => id)).toEqual([early.id]);
      await caches.update(early.id, { usedAt: 40 });
      expect((await caches.leastUsed(1)).map(({ id }) => id)).toEqual([late.id]);
      const stale = await caches.stale({ pendingBefore: 5, unusedSince: 35 }, 10);
      expect(stale.map(({ key }) => key).sort()).toEqual(["c", "linux-1"]);
    });
  });
}
