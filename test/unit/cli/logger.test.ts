import { expect, test } from "vitest";
import { makeLogger } from "../../../src/cli/logger.ts";
import { testContext } from "./support.ts";

test("text: time, level, message, fields", () => {
  const { context, err } = testContext();
  const logger = makeLogger({ logLevel: "info", logFormat: "text" }, context);
  logger.debug({}, "not shown");
  logger.info({ runner: 4, name: "a b", path: "/x", list: [1, 2] }, "runner came");
  expect(err()).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO runner came runner=4 name="a b" path=\/x list=\[1,2\]\n$/,
  );
});

test("an error is its message; control sequences are harmless", () => {
  const { context, err } = testContext();
  makeLogger({ logLevel: "info", logFormat: "text" }, context).warn({ err: new Error("boom\u001b[2J") }, "failed");
  expect(err()).toContain('WARN failed err="boom\\u001b[2J"');
});

test.each(["text", "json"] as const)("%s: texts under token-like keys are hidden at any depth", (logFormat) => {
  const { context, err } = testContext();
  const logger = makeLogger({ logLevel: "info", logFormat }, context);
  logger.info(
    { token: "s3cret", tokens_version: 7, deep: { Authorization: "Bearer s3cret" }, url: "mysql://u:s3cret@db/x" },
    "m",
  );
  expect(err()).not.toContain("s3cret");
  expect(err()).toContain("[redacted]");
  expect(err()).toMatch(/tokens_version["=:]+7/);
});

test("json is one object a line, with the level's name", () => {
  const { context, err } = testContext();
  makeLogger({ logLevel: "info", logFormat: "json" }, context).error({ a: 1 }, "m");
  expect(JSON.parse(err())).toMatchObject({ level: "error", a: 1, msg: "m" });
});

test("DEBUG=* lowers the level", () => {
  const { context, err } = testContext({ env: { DEBUG: "*" } });
  makeLogger({ logLevel: "error", logFormat: "text" }, context).debug({}, "shown");
  expect(err()).toContain("DEBUG shown");
});
