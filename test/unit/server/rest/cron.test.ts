import { expect, test } from "vitest";
import { eventually } from "../../../support/eventually.ts";
import { testServer } from "../../../support/test-server.ts";

test("periodic jobs are listed and begun by administrators", async () => {
  await using server = await testServer({ schedules: { stop_zombie_tasks: "15 3 * * *", cleanup_old_rows: "off" } });
  const { admin } = server;
  const list = await admin.get("/admin/cron");
  expect(list.headers.get("x-total-count")).toBe("7");
  const byName = async (name: string) =>
    (await admin.get("/admin/cron")).json.find((cron: { name: string }) => cron.name === name);
  expect(await byName("stop_zombie_tasks")).toMatchObject({ schedule: "15 3 * * *", prev: null, exec_times: 0 });
  expect(new Date((await byName("stop_zombie_tasks")).next).getMinutes()).toBe(15);
  expect(await byName("cleanup_old_rows")).toMatchObject({ schedule: "", next: null });
  expect((await admin.post("/admin/cron/cleanup_old_rows")).status).toBe(204);
  const ended = await eventually("the end", async () => {
    const cron = await byName("cleanup_old_rows");
    return cron.exec_times === 1 ? cron : undefined;
  });
  expect(ended).toMatchObject({ running: false, outcome: "0 audit rows and 0 rows of deleted runners were deleted" });
  const unknown = await admin.post("/admin/cron/nothing");
  expect([unknown.status, unknown.json.message]).toEqual([404, expect.stringContaining("stop_zombie_tasks")]);
  expect((await server.client().get("/admin/cron")).status).toBe(401);
  await expect(testServer({ schedules: { stop_zombie_tasks: "soon" } })).rejects.toThrow(/"soon"/);
});
