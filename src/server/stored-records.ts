import type { ArtifactIndex } from "../jobservices/artifact-records.ts";
import type { CacheIndex } from "../jobservices/cache-records.ts";
import type { Summaries } from "../jobservices/summaries.ts";
import type { Store } from "./storage/store.ts";

/** The records of the job services in the server's database, each change in a transaction of its own. */
export function storedRecords(store: Store): {
  readonly artifacts: ArtifactIndex;
  readonly caches: CacheIndex;
  readonly summaries: Summaries;
} {
  const { read } = store;
  return {
    artifacts: {
      get: (id) => read.artifacts.get(id),
      ofRun: (runId) => read.artifacts.ofRun(runId),
      findPending: (taskId, name) => read.artifacts.findPending(taskId, name),
      stale: (times, limit) => read.artifacts.stale(times, limit),
      insert: (artifact) => store.write((tx) => tx.artifacts.insert(artifact)),
      update: (id, patch) => store.write((tx) => tx.artifacts.update(id, patch)),
      publish: (id, patch, replaces) => store.write((tx) => tx.artifacts.publish(id, patch, replaces)),
      remove: (id) => store.write((tx) => tx.artifacts.remove(id)),
    },
    caches: {
      get: (id) => read.caches.get(id),
      find: (place, key, match) => read.caches.find(place, key, match),
      findPending: (taskId, key, version) => read.caches.findPending(taskId, key, version),
      totalSize: (repositoryId) => read.caches.totalSize(repositoryId),
      leastUsed: (limit, repositoryId) => read.caches.leastUsed(limit, repositoryId),
      stale: (times, limit) => read.caches.stale(times, limit),
      insert: (entry) => store.write((tx) => tx.caches.insert(entry)),
      update: (id, patch) => store.write((tx) => tx.caches.update(id, patch)),
      publish: (id, patch) => store.write((tx) => tx.caches.publish(id, patch)),
      remove: (id) => store.write((tx) => tx.caches.remove(id)),
    },
    summaries: { put: (taskId, step, text) => store.write((tx) => tx.summaries.put(taskId, step, text)) },
  };
}
