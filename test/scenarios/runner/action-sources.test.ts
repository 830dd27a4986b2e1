import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ActionHost, actionHost } from "../../support/action-host.ts";
import { FakeGitea } from "../../support/fake-gitea/fake-gitea.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { jobOf, runHostJob } from "../../support/host-job.ts";

const TOKEN = "job-token-7a31";

describe("where actions come from", () => {
  let host: ActionHost;

  beforeEach(async () => {
    host = await actionHost();
  });

  afterEach(() => host[Symbol.asyncDispose]());

  const step = (uses: string) => jobOf(`      - uses: ${uses}\n        with: {name: x}\n`);
  const errors = (lines: readonly string[]) => lines.filter((line) => line.startsWith("##[error]")).join("\n");

  it("follows a branch from job to job, and resolves a ref once per job", async () => {
    const source = host.source();
    const asked: string[] = [];
    const counted: typeof source = {
      fetch: (reference, access, options) => {
        asked.push(reference.ref);
        return source.fetch(reference, access, options);
      },
    };
    const workflow = jobOf("      - uses: octo/moving@main\n      - uses: octo/moving/sub@main\n");
    const action = (text: string) => `runs: {using: composite, steps: [{run: echo ${text}, shell: sh}]}`;
    await using repository = await gitRepository({ "action.yml": action("one"), "sub/action.yml": action("sub") });
    await host.add("moving", repository);
    const first = await runHostJob(workflow, { source: counted });
    expect(first.lines).toContain("one");
    expect(first.lines).toContain("sub");
    expect(asked).toEqual(["main"]);
    await repository.commit({ "action.yml": action("two") });
    await repository.git("push", "--quiet", join(host.root, "octo", "moving"), "main");
    expect((await runHostJob(workflow, { source: counted })).lines).toContain("two");
  });

  it("runs from the cache while the host is away", async () => {
    await runHostJob(step("octo/actions/posting@v1"), { source: host.source() });
    const away = await runHostJob(step("octo/actions/posting@v1"), { source: host.source({ offline: true }) });
    expect(away.result).toBe("success");
    expect(away.lines).toContain("post of x");
    expect(away.lines.filter((line) => line.endsWith(", as last seen"))).toHaveLength(1);
  });

  it("keeps what a job does to an action out of the cache", async () => {
    const spoil = jobOf(
      '      - uses: octo/actions/yaml@v1\n      - run: for f in $(find "$RUNNER_TEMP/_actions" -name action.yaml); do echo spoilt > $f; done\n',
    );
    expect((await runHostJob(spoil, { source: host.source() })).result).toBe("success");
    expect((await runHostJob(spoil, { source: host.source() })).lines).toContain("action.yaml was read");
  });

  it("runs without a source, but fetches nothing then", async () => {
    const { result, lines } = await runHostJob(step("octo/actions/posting@v1"));
    expect(result).toBe("failure");
    expect(errors(lines)).toContain("cannot be fetched");
  });

  describe("a server of its own", () => {
    let gitea: FakeGitea;
    let other: FakeGitea;

    beforeEach(async () => {
      gitea = await FakeGitea.start();
      other = await FakeGitea.start();
      const authorization = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`;
      gitea.git = { root: host.root, authorization };
      other.git = { root: host.root, authorization };
    });

    afterEach(async () => {
      await gitea[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    });

    const run = (uses: string, github: Record<string, string> = {}, repository = "octo/repo") =>
      runHostJob(step(uses), {
        source: host.source({ githubMirror: "" }),
        github: { repository, server_url: gitea.address, token: TOKEN, ...github },
        actions: { serverAliases: ["https://ci.example"] },
      });

    it.each(["by its address", "by its outside name", "as the default"])("gets the job's token (%s)", async (how) => {
      const uses = {
        "by its address": `${gitea.address}/octo/actions/posting@v1`,
        "by its outside name": "https://ci.example/octo/actions/posting@v1",
        "as the default": "octo/actions/posting@v1",
      }[how] as string;
      const { result, lines } = await run(
        uses,
        how === "as the default" ? { gitea_default_actions_url: gitea.address } : {},
      );
      expect(errors(lines)).toBe("");
      expect(result).toBe("success");
      expect(lines).toContain("main of x");
      expect(lines.join("\n")).not.toContain(TOKEN);
    });

    it("another server does not get it", async () => {
      const { result, lines } = await run(`${other.address}/octo/actions/posting@v1`);
      expect(result).toBe("failure");
      expect(errors(lines)).toContain(`${other.address}/octo/actions`);
    });

    it("what the token of one repository showed is not for another one", async () => {
      const uses = `${gitea.address}/octo/actions/posting@v1`;
      expect((await run(uses)).result).toBe("success");
      gitea.git = undefined;
      expect((await run(uses, {}, "octo/stranger")).result).toBe("failure");
      const cache = join(host.actions.root, "cache", "actions", encodeURIComponent(gitea.address));
      expect(await readdir(join(cache, ".private"))).toEqual(["octo%2Frepo"]);
    });
  });
});
