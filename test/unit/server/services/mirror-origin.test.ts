import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Git } from "../../../../src/drivers/git/git.ts";
import type { RemoteAccess } from "../../../../src/drivers/git/git-command.ts";
import { CloneCredentials } from "../../../../src/server/services/clone-credentials.ts";
import { Mirrors } from "../../../../src/server/services/mirrors.ts";
import { SecretBox } from "../../../../src/server/services/secret-box.ts";
import type { Store } from "../../../../src/server/storage/store.ts";

const repository = {
  ...{ id: 1, ownerId: 1, ownerName: "o", name: "r", defaultBranch: "main", createdAt: 0 },
  cloneUrl: "https://git.example/o/r.git",
};

it("a mirror is fetched from the addresses that were judged, and never from others", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "mirror-origin-"));
  try {
    const remotes: RemoteAccess[] = [];
    const fetchMirror = async (_dir: string, remote: RemoteAccess) => {
      remotes.push(remote);
      return { defaultBranch: "main" };
    };
    let answers = ["203.0.113.9", "2001:db8::9"];
    const mirrors = new Mirrors({
      store: { read: { repositories: { credential: async () => null } } } as unknown as Store,
      git: { initBare: async () => undefined, fetchMirror } as unknown as Git,
      credentials: new CloneCredentials(new SecretBox(Buffer.alloc(32))),
      policy: { repoRoot: null, allowPrivateAddresses: false, allowHttp: false },
      lookup: async () => answers,
      dataDir,
    });
    await mirrors.refresh(repository, {});
    expect(remotes.map(({ addresses }) => addresses)).toEqual([["203.0.113.9", "2001:db8::9"]]);
    for (const hidden of ["127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "64:ff9b:1::1"]) {
      answers = ["203.0.113.9", hidden];
      await expect(mirrors.refresh(repository, {})).rejects.toMatchObject({ code: "invalid" });
    }
    expect(remotes).toHaveLength(1);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
