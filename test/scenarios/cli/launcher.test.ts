import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { CliPlace } from "./cli-process.ts";

/** A Node of this machine that is too old for the program, so that the bin has to bring its own. */
function oldNode(): string | undefined {
  const found = spawnSync("which", ["-a", "node"], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((path) => path !== "");
  return found.find((path) => {
    const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout;
    return Number.parseInt(version.slice(1), 10) < 24;
  });
}

const node = oldNode();
if (node === undefined) console.log("skipped: this machine has no Node older than 24 to start the bin with");

describe.skipIf(node === undefined)("the bin under an old Node", () => {
  const options = node === undefined ? {} : { node };

  test("output, exit code and arguments are those of the program", async () => {
    await using place = await CliPlace.make();
    expect(await place.run(["--version"], options)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await place.run(["run"], options)).toMatchObject({
      code: 2,
      err: expect.stringContaining("missing required argument"),
    });
  });

  test("SIGTERM reaches the program, which ends with 0", async () => {
    await using place = await CliPlace.make();
    const server = place.start(["server", "--listen", "127.0.0.1:0"], options);
    await server.output(/Server is ready/);
    server.signal("SIGTERM");
    expect((await server.ended).code).toBe(0);
  });

  test("a launcher that is killed takes the program along", async () => {
    await using place = await CliPlace.make();
    const server = place.start(["server", "--listen", "127.0.0.1:0"], options);
    const [, address = ""] = await server.output(/Server is ready: (\S+)/);
    server.signal("SIGKILL");
    await expect
      .poll(
        () =>
          fetch(address).then(
            () => "answers",
            () => "gone",
          ),
        { timeout: 20_000 },
      )
      .toBe("gone");
    // The output ends only when the program itself has.
    await server.ended;
  });
});
