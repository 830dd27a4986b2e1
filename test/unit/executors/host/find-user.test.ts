import { expect, it } from "vitest";
import { findUser } from "../../../../src/executors/host/find-user.ts";

const isRoot = process.getuid?.() === 0;

it.skipIf(!isRoot)("finds a user by name and by numbers", async () => {
  expect(await findUser("nobody")).toEqual({ uid: 65534, gid: 65534 });
  expect(await findUser("12:34")).toEqual({ uid: 12, gid: 34 });
  for (const name of ["no-such-user", "--help", ""]) {
    await expect(findUser(name)).rejects.toThrow("no user of this machine: make it with useradd");
  }
});

it.skipIf(isRoot)("says that only root can become another user", async () => {
  await expect(findUser("nobody")).rejects.toThrow("only root can run jobs as another user");
});
