import { type OpenJobServices, openJobServices } from "../jobservices/open-job-services.ts";
import type { Uploads } from "../jobservices/uploads.ts";
import { openBlobStore } from "../lib/blobs/open-blob-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import type { CompiledServerOptions } from "./server-options.ts";
import type { ServerKeys } from "./services/server-keys.ts";
import type { TaskIdentity } from "./services/task-identity.ts";
import type { Store } from "./storage/store.ts";
import { storedRecords } from "./stored-records.ts";
import { TaskTokens } from "./task-tokens.ts";

/** Folders that are removed in one go. */
const STEP = 100;

/** The job services of a server: records in its database, files in its store of blobs, tokens of its tasks. */
export function serverJobServices(parts: {
  readonly options: CompiledServerOptions;
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly taskIdentity: TaskIdentity;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}): OpenJobServices {
  const { options, store, keys, taskIdentity: tasks, clock, ids, log } = parts;
  return openJobServices({
    ...storedRecords(store),
    blobs: openBlobStore({ kind: "folder", path: options.blobDir }),
    tokens: new TaskTokens({ store, tasks }),
    key: keys.sign,
    limits: options.jobServiceLimits,
    alsoSweep: (uploads) => removeOrphans(store, uploads),
    ...{ clock, ids, log },
  });
}

/** Removes the files of what was deleted together with its run or repository. */
async function removeOrphans(store: Store, uploads: Uploads): Promise<void> {
  for (;;) {
    const folders = await store.read.orphanedBlobs.list(STEP);
    for (const folder of folders) await uploads.remove(folder);
    if (folders.length > 0) await store.write((tx) => tx.orphanedBlobs.forget(folders));
    if (folders.length < STEP) return;
  }
}
