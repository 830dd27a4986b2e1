import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { compileConfig } from "../../../src/runner/config.ts";
import { machineExecutors } from "../../../src/runner/machine-executors.ts";
import { saveRunnerFile } from "../../../src/runner/runner-file.ts";

const isRoot = process.getuid?.() === 0;
const why = isRoot ? "" : " (skipped: only root can run steps as another user)";

describe.skipIf(!isRoot)(`host.run_as${why}`, () =>
  it("with host.run_as a job can read neither the runner's token nor its environment", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "run-as-"));
    stack.defer(() => rm(folder, { recursive: true }));
    await chmod(folder, 0o755);
    const file = join(folder, ".runner");
    const { config } = compileConfig({
      file: { name: "config.yaml", text: `runner:\n  file: ${file}\nhost:\n  run_as: nobody\n` },
    });
    const identity = {
      ...{
        id: 1,
        uuid: "6d1c6a1e-0d2f-4a3c-9c55-0a1f3c1b2d4e",
        name: "one",
        token: "secret-token",
        address: "http://x",
      },
      ...{ labels: ["x:host"], ephemeral: false },
    };
    await saveRunnerFile(file, identity);
    const make = machineExecutors({
      ...{ config, environment: { PATH: process.env["PATH"] }, clock: systemClock, logger: silentLogger },
    });
    const { host } = await make(identity);
    if (host === undefined) throw new Error("there is no executor for the host");
    const { signal } = new AbortController();
    await using environment = await host.prepare({ id: "one", repository: "o/r" }, { signal });
    const lines: string[] = [];
    const script = `id -un; cat ${file} /proc/${process.pid}/environ; touch made && stat -c %U made`;
    await environment.exec(
      { argv: ["sh", "-c", script], cwd: environment.paths.workspace, env: {} },
      { signal, output: (line) => void lines.push(line) },
    );
    expect(lines.filter((line) => line === "nobody")).toHaveLength(2);
    expect(lines.filter((line) => line.endsWith("Permission denied"))).toHaveLength(2);
    expect(lines.join("\n")).not.toContain("secret-token");
  }),
);
