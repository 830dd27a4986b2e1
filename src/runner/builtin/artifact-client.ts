import { AppError } from "../../lib/errors.ts";
import type { JobServices } from "./job-services.ts";
import { type Download, ServiceClient, type ServiceClientOptions } from "./service-client.ts";
import { type Uploaded, uploadBlocks } from "./upload-blocks.ts";

/** An artifact that can be downloaded. */
export interface FoundArtifact {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  /** SHA-256 in hex; undefined where the server does not know it. */
  readonly digest: string | undefined;
  download(): Promise<Download>;
}

/** What an upload is begun with. */
export interface NewArtifact {
  readonly name: string;
  readonly contentType: string;
  /** Epoch milliseconds; undefined takes the server's default. */
  readonly expiresAt: number | undefined;
}

const LIST_PAGE = 100;

/** Artifacts of the run that the job belongs to (`ArtifactService` of GitHub's results service, artifacts 4). */
export class ArtifactClient {
  readonly #services: JobServices;
  readonly #ids: Readonly<Record<string, string>>;

  /** @throws AppError unavailable when the token does not say whose it is */
  constructor(services: JobServices) {
    this.#services = services;
    this.#ids = backendIds(services.token);
  }

  /** Sends an artifact and returns its id. @param content begun when it is wanted @throws AppError conflict when there is one of that name */
  async upload(
    artifact: NewArtifact,
    content: () => AsyncIterable<Uint8Array>,
  ): Promise<Uploaded & { readonly id: string }> {
    const { name, contentType, expiresAt } = artifact;
    const made = await this.#call("CreateArtifact", {
      ...{ name, version: 4, mime_type: contentType },
      ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
    });
    const uploaded = await uploadBlocks(this.#services.client, String(made["signed_upload_url"]), content());
    const { size, digest } = uploaded;
    const done = await this.#call("FinalizeArtifact", { name, size: String(size), hash: `sha256:${digest}` });
    return { ...uploaded, id: String(done["artifact_id"]) };
  }

  /** The artifacts of the run, of each name the newest. */
  async list(): Promise<readonly FoundArtifact[]> {
    const { artifacts = [] } = await this.#call("ListArtifacts", {});
    const found = (artifacts as Readonly<Record<string, unknown>>[]).map((message) => {
      const name = String(message["name"]);
      return {
        ...{ name, id: Number(message["database_id"]), size: Number(message["size"]) },
        digest: plainDigest(message["digest"]),
        download: async () => {
          const job = { workflow_job_run_backend_id: message["workflow_job_run_backend_id"] };
          const { signed_url } = await this.#call("GetSignedArtifactURL", { name, ...job });
          return await this.#services.client.download(String(signed_url));
        },
      };
    });
    return newest(found);
  }

  /** Deletes the one of that name, if there is one. */
  async delete(name: string): Promise<void> {
    if ((await this.list()).some((artifact) => artifact.name === name)) await this.#call("DeleteArtifact", { name });
  }

  #call(method: string, message: object) {
    return this.#services.call(`ArtifactService/${method}`, { ...this.#ids, ...message });
  }
}

/** A run whose artifacts are read by the REST interface. */
export interface RunToRead {
  /** `github.api_url`. */
  readonly apiUrl: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly runId: string;
  readonly token: string;
}

/** Artifacts of any run that the token opens, of each name the newest. @throws AppError */
export async function artifactsOfRun(
  { apiUrl, repository, runId, token }: RunToRead,
  options: ServiceClientOptions,
): Promise<readonly FoundArtifact[]> {
  const client = new ServiceClient(options);
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const base = `${apiUrl}/repos/${repository}/actions`;
  const all: FoundArtifact[] = [];
  for (let page = 1; ; page += 1) {
    const query = `per_page=${LIST_PAGE}&limit=${LIST_PAGE}&page=${page}`;
    const url = `${base}/runs/${encodeURIComponent(runId)}/artifacts?${query}`;
    const { artifacts = [] } = await client.json({ method: "GET", url, headers });
    const list = artifacts as Readonly<Record<string, unknown>>[];
    for (const artifact of list) {
      if (artifact["expired"] === true) continue;
      all.push({
        ...{ id: Number(artifact["id"]), name: String(artifact["name"]), size: Number(artifact["size_in_bytes"]) },
        digest: plainDigest(artifact["digest"]),
        download: () => client.download(`${base}/artifacts/${Number(artifact["id"])}/zip`, headers),
      });
    }
    if (list.length < LIST_PAGE) return newest(all);
  }
}

function newest(found: readonly FoundArtifact[]): readonly FoundArtifact[] {
  const byName = new Map<string, FoundArtifact>();
  for (const artifact of found) {
    const other = byName.get(artifact.name);
    if (other === undefined || other.id < artifact.id) byName.set(artifact.name, artifact);
  }
  return [...byName.values()];
}

function plainDigest(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.replace(/^sha256:/, "") : "";
  return text === "" ? undefined : text;
}

/** The claim `scp` of the token has `Actions.Results:<run>:<job>`, which GitHub's clients send with each call. */
function backendIds(token: string): Readonly<Record<string, string>> {
  const scopes = String(claimsOf(token)["scp"] ?? "").split(" ");
  const [, run, job] = scopes.find((scope) => scope.startsWith("Actions.Results:"))?.split(":") ?? [];
  if (run === undefined || job === undefined) {
    throw new AppError("unavailable", "the server offers no artifacts to this job: its token names no run");
  }
  return { workflow_run_backend_id: run, workflow_job_run_backend_id: job };
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Record<string, unknown>;
  } catch {
    return {};
  }
}
