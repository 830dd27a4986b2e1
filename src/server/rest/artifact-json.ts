import { z } from "zod";
import type { Artifact } from "../../jobservices/artifact-records.ts";
import type { Repository } from "../domain/account.ts";
import { timeText } from "./time-text.ts";

/** An artifact: Gitea's ActionArtifact, with GitHub's digest and Forgejo's run_id. */
export const artifactShape = z.object({
  id: z.number(),
  name: z.string(),
  size_in_bytes: z.number(),
  url: z.string(),
  archive_download_url: z.string(),
  expired: z.boolean(),
  digest: z.string().nullable(),
  run_id: z.number(),
  workflow_run: z.object({ id: z.number(), repository_id: z.number() }),
  created_at: z.string(),
  updated_at: z.string(),
  expires_at: z.string(),
});

/** A list of artifacts. */
export const artifactListShape = z.object({ artifacts: z.array(artifactShape), total_count: z.number() });

/** The shape of an artifact. @param now epoch ms */
export function artifactJson(
  artifact: Artifact,
  repository: Repository,
  publicUrl: string,
  now: number,
): z.infer<typeof artifactShape> {
  const url = `${publicUrl}/api/v1/repos/${repository.ownerName}/${repository.name}/actions/artifacts/${artifact.id}`;
  return {
    id: artifact.id,
    name: artifact.name,
    size_in_bytes: artifact.size,
    url,
    archive_download_url: `${url}/zip`,
    expired: artifact.status === "expired" || artifact.expiresAt <= now,
    digest: artifact.digest === null ? null : `sha256:${artifact.digest}`,
    run_id: artifact.runId,
    workflow_run: { id: artifact.runId, repository_id: artifact.repositoryId },
    created_at: timeText(artifact.createdAt),
    updated_at: timeText(artifact.updatedAt),
    expires_at: timeText(artifact.expiresAt),
  };
}
