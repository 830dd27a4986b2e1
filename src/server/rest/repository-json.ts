import { z } from "zod";
import type { Repository } from "../domain/account.ts";
import { timeText } from "./time-text.ts";

/** A repository: Gitea's Repository in what applies here. */
export const repositoryShape = z.object({
  id: z.number(),
  name: z.string(),
  full_name: z.string(),
  owner: z.object({ id: z.number(), login: z.string(), username: z.string() }),
  private: z.boolean(),
  mirror: z.boolean(),
  default_branch: z.string(),
  html_url: z.string(),
  /** Where the repository comes from, as it was given; never with a credential. */
  clone_url: z.string(),
  /** Where this server serves its mirror. */
  mirror_url: z.string(),
  created_at: z.string(),
});

/** The shape of a repository. */
export function repositoryJson(repository: Repository, publicUrl: string): z.infer<typeof repositoryShape> {
  const { id, name, ownerId, ownerName, defaultBranch, cloneUrl, createdAt } = repository;
  const fullName = `${ownerName}/${name}`;
  return {
    id,
    name,
    full_name: fullName,
    owner: { id: ownerId, login: ownerName, username: ownerName },
    private: true,
    mirror: true,
    default_branch: defaultBranch,
    html_url: `${publicUrl}/${fullName}`,
    clone_url: cloneUrl,
    mirror_url: `${publicUrl}/${fullName}.git`,
    created_at: timeText(createdAt),
  };
}
