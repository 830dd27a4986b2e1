import { expect, test } from "vitest";
import { countStatements } from "../../../support/statement-counter.ts";
import { storeKinds } from "../../../support/stores.ts";

test("what claims have in common is read once between two commits, and anew after each", async () => {
  await using place = await (storeKinds[0] ?? expect.unreachable()).create();
  using counter = countStatements();
  await using store = await place.open();
  const repository = { ownerId: 1, repositoryId: 1 };
  const scope = { kind: "global" } as const;
  const visible = async () => (await store.read.settings.visibleTo(repository)).map(({ value }) => value);
  const put = (value: string) =>
    store.write((tx) => tx.settings.put("variable", scope, { name: "A", value, description: "", createdAt: 1 }));
  const asked = () => counter.statements.filter((sql) => sql.startsWith("SELECT * FROM setting")).length;

  await put("one");
  counter.reset();
  expect(await Promise.all([visible(), visible(), visible()])).toEqual([["one"], ["one"], ["one"]]);
  expect(await visible()).toEqual(["one"]);
  expect(asked()).toBe(1);

  const early = put("two").then(visible);
  expect(await early).toEqual(["two"]);
  expect(asked()).toBe(2);

  await expect(
    store.write(async (tx) => {
      await tx.settings.put("variable", scope, { name: "A", value: "three", description: "", createdAt: 1 });
      expect((await tx.settings.visibleTo(repository)).map(({ value }) => value)).toEqual(["three"]);
      throw new Error("not after all");
    }),
  ).rejects.toThrow("not after all");
  expect(await visible()).toEqual(["two"]);
  await expect(store.write(() => store.read.settings.visibleTo(repository))).rejects.toMatchObject({
    code: "internal",
  });
});
