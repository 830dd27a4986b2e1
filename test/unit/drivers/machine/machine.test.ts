import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Machine } from "../../../../src/drivers/machine/machine.ts";
import { systemClock } from "../../../../src/lib/clock.ts";

describe("Machine", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "machine-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const machine = (path = process.env["PATH"]) => new Machine({ env: { PATH: path }, folder, clock: systemClock });

  async function script(text: string): Promise<string> {
    const path = join(folder, "check.sh");
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it("tells real figures", async () => {
    const one = machine();
    const facts = await one.facts();
    expect(facts).toMatchObject({ os: process.platform, memoryBytes: totalmem() });
    expect(facts.gitVersion).toMatch(/^\d+\.\d+/);
    expect(facts.nodeVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.cores).toBeGreaterThan(0);
    const usage = await one.usage();
    expect(usage.memoryBytes).toBeGreaterThan(0);
    expect(usage.memoryBytes).toBeLessThan(facts.memoryBytes);
    expect(usage.diskBytes + (await one.freeDisk())).toBe(facts.diskBytes);
    for (const { cpu } of [usage, await one.usage()]) expect(cpu >= 0 && cpu <= 1).toBe(true);
  });

  it("has no version of programs that are not there", async () => {
    expect(await machine(folder).facts()).toMatchObject({ gitVersion: "", dockerVersion: "", podmanVersion: "" });
  });

  it("takes an operator's script at its word", async () => {
    expect(await machine().check(await script("exit 0"), 5_000)).toBeUndefined();
    expect(await machine().check(await script("echo first >&2; echo 'the fan is broken' >&2; exit 3"), 5_000)).toBe(
      "the health script ended with 3: the fan is broken",
    );
    expect(await machine().check(await script("sleep 60"), 100)).toBe("the health script took longer than 0.1 s");
    expect(await machine().check(join(folder, "nothing.sh"), 5_000)).toMatch(/^the health script: /);
  });
});
