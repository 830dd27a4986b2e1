import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../../src/server/server.ts";
import { eventually } from "../../support/eventually.ts";
import { gitRepository } from "../../support/git-repository.ts";
import { testRunner } from "../../support/test-runner.ts";

const ADMIN = "admin-token-of-the-tests-0123456789abcdef";
/** A job that says that it has begun, and ends when there is a file. */
const WORKFLOW = `on: { workflow_dispatch: { inputs: { file: { type: string } } } }
jobs:
  job:
    runs-on: life
    steps:
      - run: |
          echo begun
          until [ -e "\${{ inputs.file }}" ]; do sleep 0.05; done
          echo ended
`;

describe("a runner on its stream", () => {
  it("takes an offer, ends what is cancelled, takes nothing while it is drained, and comes back after a goodbye", {
    timeout: 60_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "stream-life-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const origin = stack.use(await gitRepository({ ".gitea/workflows/life.yml": WORKFLOW, now: "" }));
    const never = join(folder, "never");
    const given = { dataDir: join(folder, "data"), adminToken: ADMIN, repoRoot: origin.root };
    let server: RunningServer = await startServer({ ...given, listen: "127.0.0.1:0" });
    stack.defer(() => server.close({ graceMs: 0 }));
    const { url } = server;
    const api = async (method: string, path: string, body?: object) => {
      const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await fetch(`${url}/api/v1${path}`, init);
      const text = await response.text();
      return text.startsWith("{") ? JSON.parse(text) : text;
    };
    await api("POST", "/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    const { token } = await api("GET", "/admin/actions/runners/registration-token");
    const submit = async (file = join(origin.path, "now")): Promise<number> =>
      (await api("POST", "/runs", { repository: "olga/app", workflow: "life.yml", inputs: { file } })).id;
    const job = async (run: number) => (await api("GET", `/repos/olga/app/actions/runs/${run}/jobs`)).jobs[0];
    const log = async (run: number): Promise<string> =>
      await api("GET", `/repos/olga/app/actions/jobs/${(await job(run)).id}/logs`);
    const begun = (run: number) => eventually("the job to begin", async () => (await log(run)).includes("begun"));
    const ended = (run: number) =>
      eventually(
        "the job to end",
        async () => {
          const { status, conclusion } = await job(run);
          return status === "completed" && conclusion;
        },
        20_000,
      );

    const runner = stack.use(await testRunner({ url, registrationToken: token, label: "life" }));
    const heard = (words: string) => runner.said.some(({ message }) => message.includes(words));
    expect(await ended(await submit())).toBe("success");

    const endless = await submit(never);
    await begun(endless);
    await api("POST", `/repos/olga/app/actions/runs/${endless}/cancel`);
    expect(await ended(endless)).toBe("cancelled");

    const [{ id }] = (await api("GET", "/admin/actions/runners")).runners;
    await api("PATCH", `/admin/actions/runners/${id}`, { disabled: true });
    await eventually("the drain", () => heard("no new tasks for now"));
    const drained = await submit();
    await eventually("the job to wait", async () => (await job(drained)).status === "queued");
    await api("PATCH", `/admin/actions/runners/${id}`, { disabled: false });
    expect(await ended(drained)).toBe("success");
    expect(heard("new tasks may come again")).toBe(true);
    // Until here there was one stream, and no poll.
    expect(heard("is polled")).toBe(false);

    const gate = join(folder, "gate");
    const across = await submit(gate);
    await begun(across);
    await server.close({ graceMs: 1_000 });
    await eventually("the goodbye", () => heard("the server ends the stream of tasks"));
    server = await startServer({ ...given, listen: new URL(url).host });
    await writeFile(gate, "");
    expect(await ended(across)).toBe("success");
    expect(await log(across)).toMatch(/begun\n.*ended\n/);
    expect(await ended(await submit())).toBe("success");
    runner.stop();
    expect(await runner.ended).toEqual({ end: "stopped", lastResult: "success" });
  });
});
