import { AppError } from "../lib/errors.ts";
import type { Artifact } from "./artifact-records.ts";
import type { Artifacts } from "./artifacts.ts";
import type { JobIdentity } from "./job-identity.ts";
import type { MessageFields } from "./message-fields.ts";
import { DOWNLOAD_MS, type Services, UPLOAD_MS } from "./services.ts";

/** Answers one call. */
type Call = (
  services: Services & { readonly artifacts: Artifacts },
  job: JobIdentity,
  fields: MessageFields,
  base: string,
) => Promise<unknown>;

/** The methods of `github.actions.results.api.v1.ArtifactService` (recorded from `@actions/artifact` 6). */
export const artifactCalls: Readonly<Record<string, Call>> = {
  async CreateArtifact({ artifacts, addresses }, job, fields, base) {
    const contentType = fields.optionalText("mime_type");
    const expiresAt = fields.time("expires_at");
    const artifact = await artifacts.create(job, {
      ...{ protocol: 4, name: fields.text("name") },
      ...(contentType === undefined ? {} : { contentType }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    const grant = { action: "write", kind: "artifact", id: artifact.id } as const;
    return { ok: true, signed_upload_url: addresses.sign(base, grant, fileName(artifact), UPLOAD_MS) };
  },

  async FinalizeArtifact({ artifacts }, job, fields) {
    const pending = await artifacts.pendingOf(job, fields.text("name"));
    if (pending.files.length === 0) throw new AppError("invalid", `nothing of artifact '${pending.name}' was uploaded`);
    const size = fields.number("size");
    const digest = fields.optionalText("hash")?.replace(/^sha256:/, "");
    const claimed = { ...(size === undefined ? {} : { size }), ...(digest === undefined ? {} : { digest }) };
    const { id } = await artifacts.finish(job, pending, pending.files, claimed);
    return { ok: true, artifact_id: String(id) };
  },

  async ListArtifacts({ artifacts }, job, fields) {
    const name = fields.optionalText("name_filter");
    const id = fields.number("id_filter");
    const filter = { ...(name === undefined ? {} : { name }), ...(id === undefined ? {} : { id }) };
    const found = (await artifacts.ofRun(job.runId, filter)).filter(({ protocol }) => protocol === 4);
    return { artifacts: found.map(artifactMessage) };
  },

  async GetSignedArtifactURL({ artifacts, addresses }, job, fields, base) {
    const artifact = await named(artifacts, job, fields.text("name"));
    const grant = { action: "read", kind: "artifact", id: artifact.id } as const;
    return { signed_url: addresses.sign(base, grant, fileName(artifact), DOWNLOAD_MS) };
  },

  async DeleteArtifact({ artifacts }, job, fields) {
    const artifact = await named(artifacts, job, fields.text("name"));
    await artifacts.delete(artifact);
    return { ok: true, artifact_id: String(artifact.id) };
  },
};

async function named(artifacts: Artifacts, job: JobIdentity, name: string): Promise<Artifact> {
  const [artifact] = (await artifacts.ofRun(job.runId, { name })).filter(({ protocol }) => protocol === 4);
  if (artifact === undefined) throw new AppError("not_found", `run ${job.runId} has no artifact '${name}'`);
  return artifact;
}

/** Name of the file that a download makes: clients tell a zip by its end. */
export function fileName({ name, contentType }: Pick<Artifact, "name" | "contentType">): string {
  return contentType === "application/zip" && !/\.zip$/i.test(name) ? `${name}.zip` : name;
}

function artifactMessage(artifact: Artifact) {
  return {
    workflow_run_backend_id: String(artifact.runId),
    workflow_job_run_backend_id: String(artifact.jobId),
    database_id: String(artifact.id),
    name: artifact.name,
    size: String(artifact.size),
    created_at: new Date(artifact.createdAt).toISOString(),
    ...(artifact.digest === null ? {} : { digest: `sha256:${artifact.digest}` }),
  };
}
