import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Artifact } from "../../src/jobservices/artifact-records.ts";
import { ListedArtifacts } from "../../src/jobservices/listed-artifacts.ts";
import { ListedCaches } from "../../src/jobservices/listed-caches.ts";
import { RecordList } from "../../src/jobservices/record-list.ts";
import { storedRecords } from "../../src/server/stored-records.ts";
import { storeKinds } from "../support/stores.ts";
import { jobRecordsContract } from "./job-records.contract.ts";
import { seed } from "./store-fixture.ts";

describe("records in memory", () => {
  jobRecordsContract(async () => ({
    artifacts: new ListedArtifacts(await RecordList.open()),
    caches: new ListedCaches(await RecordList.open()),
    ...{ repositoryId: 1, runId: 1 },
    [Symbol.asyncDispose]: async () => {},
  }));
});

describe("records in a folder", () => {
  const open = async () => {
    const folder = await mkdtemp(join(tmpdir(), "records-"));
    return {
      artifacts: new ListedArtifacts(await RecordList.open(join(folder, "artifacts"))),
      caches: new ListedCaches(await RecordList.open(join(folder, "caches"))),
      ...{ repositoryId: 1, runId: 1, folder },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  };
  jobRecordsContract(open);

  it("outlive the process, and ids are not used again", async () => {
    await using subject = await open();
    const list = await RecordList.open<Artifact>(join(subject.folder, "more"));
    const { id } = await list.insert({ name: "a" } as Artifact);
    await list.insert({ name: "b" } as Artifact);
    await list.remove(id);
    const again = await RecordList.open<Artifact>(join(subject.folder, "more"));
    expect(again.all).toEqual([{ id: 2, name: "b" }]);
    expect((await again.insert({ name: "c" } as Artifact)).id).toBe(3);
  });
});

for (const kind of storeKinds) {
  describe.skipIf(kind.skip !== undefined)(`records in the store on ${kind.name}`, () => {
    jobRecordsContract(async () => {
      await using stack = new AsyncDisposableStack();
      const place = stack.use(await kind.create());
      const store = stack.use(await place.open());
      const { repository, run } = await seed(store);
      const owned = stack.move();
      return {
        ...storedRecords(store),
        ...{ repositoryId: repository.id, runId: run.id },
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    });
  });
}
