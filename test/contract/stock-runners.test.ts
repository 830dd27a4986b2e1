import { readdirSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  FetchTaskResponseSchema,
  RegisterResponseSchema,
  Result,
  UpdateLogResponseSchema,
  UpdateTaskResponseSchema,
} from "../../src/protocol/messages.ts";
import { type GitRepository, gitRepository } from "../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../support/mariadb.ts";
import { type TestServer, testServer } from "../support/test-server.ts";

/** What the recording has in the place of the identities of its run; see test/fixtures/stock-runners/README.md. */
const FAKE_REGISTRATION_TOKEN = "a".repeat(40);
const FAKE_TOKEN = "b".repeat(40);
const FAKE_UUID = "00000000-0000-4000-8000-000000000001";

const FOLDER = join(import.meta.dirname, "../fixtures/stock-runners");

interface Recorded {
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  /** base64 */
  readonly body: string;
  /** What the server answered then. */
  readonly answer: {
    readonly status: number;
    readonly task?: number;
    readonly ack?: number;
    readonly result?: string;
    readonly sentOutputs?: readonly string[];
  };
}

interface Session {
  readonly runner: string;
  /** The workflow that each task was of, in the order of the tasks. */
  readonly tasks: readonly string[];
  readonly requests: readonly Recorded[];
}

/** How each workflow ends, whichever the runner. */
const CONCLUSIONS: Readonly<Record<string, string>> = {
  "success.yml": "success",
  "failure.yml": "failure",
  "cancel.yml": "cancelled",
  "stop.yml": "failure",
};

const sessions = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => JSON.parse(readFileSync(join(FOLDER, entry.name, "session.json"), "utf8")) as Session);

const kinds = [
  { name: "sqlite", skip: undefined, url: async () => undefined },
  { name: "mariadb", skip: mariadbMissing, url: async () => await (await sharedMariadb()).createDatabase() },
] as const;

for (const kind of kinds) {
  if (kind.skip !== undefined) console.warn(`stock runners on ${kind.name} are skipped: ${kind.skip}`);
  describe.skipIf(kind.skip !== undefined)(`bytes of stock runners on ${kind.name}`, () => {
    it.each(sessions)("$runner is answered as it was when it was recorded", async (session) => {
      const workflows = JSON.parse(readFileSync(join(FOLDER, "workflows.json"), "utf8")) as Record<string, string>;
      await using origin = await gitRepository(
        Object.fromEntries(Object.entries(workflows).map(([name, text]) => [`.gitea/workflows/${name}`, text])),
      );
      const databaseUrl = await kind.url();
      await using server = await testServer({
        repoRoot: origin.root,
        ...(databaseUrl === undefined ? {} : { databaseUrl }),
      });
      const replay = await Replay.start(server, origin, session);
      for (const recorded of session.requests) await replay.send(recorded);
      await replay.expectEnds();
    });
  });
}

/** Sends what a runner once sent, with the identities of this server, and does meanwhile what people did then. */
class Replay {
  readonly #server: TestServer;
  readonly #session: Session;
  readonly #runs: { readonly workflow: string; readonly id: number }[] = [];
  readonly #registrationToken: string;
  #uuid = "";
  #token = "";
  #cancelled = 0;

  private constructor(server: TestServer, session: Session, registrationToken: string) {
    this.#server = server;
    this.#session = session;
    this.#registrationToken = registrationToken;
  }

  static async start(server: TestServer, origin: GitRepository, session: Session): Promise<Replay> {
    await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    const { token } = (await server.admin.get("/admin/actions/runners/registration-token")).json;
    return new Replay(server, session, token);
  }

  async send(recorded: Recorded): Promise<void> {
    const { answer } = recorded;
    const method = recorded.path.split("/").at(-1);
    if (answer.task !== undefined) await this.#submit(answer.task);
    const running = this.#runs.at(-1);
    if (answer.result === "cancelled" && running !== undefined && running.id !== this.#cancelled) {
      this.#cancelled = running.id;
      await this.#server.admin.post(`/repos/olga/app/actions/runs/${running.id}/cancel`);
    }
    const { status, body } = await post(
      `${this.#server.url}${recorded.path}`,
      recorded.headers.map(([name, value]) => [name, this.#own(value)] as const),
      Buffer.from(this.#own(Buffer.from(recorded.body, "base64").toString("latin1")), "latin1"),
    );
    expect([method, status]).toEqual([method, answer.status]);
    if (status !== 200) return;
    if (method === "Register") {
      const { runner } = fromBinary(RegisterResponseSchema, body);
      this.#uuid = runner?.uuid ?? "";
      this.#token = runner?.token ?? "";
    }
    if (answer.task !== undefined) expect(fromBinary(FetchTaskResponseSchema, body).task?.id).toBe(BigInt(answer.task));
    if (answer.ack !== undefined) expect(fromBinary(UpdateLogResponseSchema, body).ackIndex).toBe(BigInt(answer.ack));
    if (answer.result !== undefined) {
      const { state, sentOutputs } = fromBinary(UpdateTaskResponseSchema, body);
      expect(Result[state?.result ?? 0]?.toLowerCase()).toBe(answer.result);
      expect(sentOutputs).toEqual(answer.sentOutputs);
    }
  }

  /** Every run has ended as its workflow says, with its log complete and in place. */
  async expectEnds(): Promise<void> {
    for (const { workflow, id } of this.#runs) {
      const { jobs } = (await this.#server.admin.get(`/repos/olga/app/actions/runs/${id}/jobs`)).json;
      const [job] = jobs as [
        { id: number; conclusion: string; outputs: object; steps: { log_index: number; log_length: number }[] },
      ];
      expect([workflow, job.conclusion]).toEqual([workflow, CONCLUSIONS[workflow]]);
      const { text } = await this.#server.admin.get(`/repos/olga/app/actions/jobs/${job.id}/logs`);
      const rows = text.split("\n").map((row) => row.slice(row.indexOf(" ") + 1));
      const [step] = job.steps;
      const ofStep = rows.slice(step?.log_index, (step?.log_index ?? 0) + (step?.log_length ?? 0));
      if (workflow === "success.yml") {
        expect(job.outputs).toEqual({ word: "apple" });
        expect(ofStep).toContain("hello");
      }
      if (workflow === "failure.yml") expect(rows).toContain("always");
      if (workflow === "cancel.yml") {
        expect(rows).toContain("started");
        expect(rows.includes("cleaned up")).toBe(this.#windsDown);
      }
    }
    expect(this.#runs.map(({ workflow }) => workflow)).toEqual(this.#session.tasks);
  }

  /** Whether the runner declared that it runs `always()` steps after a cancel. */
  get #windsDown(): boolean {
    return this.#session.requests.some(
      ({ path, body }) => path.endsWith("/Declare") && Buffer.from(body, "base64").includes("cancelling"),
    );
  }

  async #submit(task: number): Promise<void> {
    const workflow = this.#session.tasks[task - 1] ?? "";
    const { json } = await this.#server.admin.post("/runs", { repository: "olga/app", workflow });
    this.#runs.push({ workflow, id: json.id });
  }

  #own(text: string): string {
    return text
      .replaceAll(FAKE_REGISTRATION_TOKEN, this.#registrationToken)
      .replaceAll(FAKE_TOKEN, this.#token)
      .replaceAll(FAKE_UUID, this.#uuid);
  }
}

/** Sends headers in their order and spelling; only Host is this server's. */
async function post(
  url: string,
  headers: readonly (readonly [string, string])[],
  body: Buffer,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  return await new Promise((resolve, reject) => {
    const raw = headers.filter(([name]) => name.toLowerCase() !== "host").flat();
    const request = httpRequest(url, { method: "POST", headers: ["Host", new URL(url).host, ...raw] }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const received = Buffer.concat(parts);
        const zipped = response.headers["content-encoding"] === "gzip";
        resolve({ status: response.statusCode ?? 0, body: zipped ? gunzipSync(received) : received });
      });
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}
