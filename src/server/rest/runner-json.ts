import { z } from "zod";
import type { RunnerView } from "../services/runner-admin.ts";
import { timeText } from "./time-text.ts";

/** A runner: the fields of Gitea's ActionRunner and of Forgejo's, and `state`, which tells more than `status`. */
export const runnerShape = z.object({
  id: z.number(),
  uuid: z.string(),
  owner_id: z.number(),
  repo_id: z.number(),
  name: z.string(),
  description: z.string(),
  status: z.enum(["online", "offline"]),
  state: z.enum(["offline", "idle", "active", "error"]),
  busy: z.boolean(),
  disabled: z.boolean(),
  ephemeral: z.boolean(),
  version: z.string(),
  labels: z.array(z.object({ id: z.number(), name: z.string(), type: z.literal("custom") })),
  /** Why the runner says it cannot work. */
  health: z.string().nullable(),
  last_online: z.string().nullable(),
  last_active: z.string().nullable(),
  created_at: z.string(),
});

/** The shape of a runner. */
export function runnerJson({ runner, state, busy }: RunnerView): z.infer<typeof runnerShape> {
  const { scope } = runner;
  return {
    id: runner.id,
    uuid: runner.uuid,
    owner_id: scope.kind === "owner" ? scope.ownerId : 0,
    repo_id: scope.kind === "repository" ? scope.repositoryId : 0,
    name: runner.name,
    description: runner.description,
    status: state === "offline" ? "offline" : "online",
    state,
    busy,
    disabled: runner.disabled,
    ephemeral: runner.ephemeral,
    version: runner.version,
    labels: runner.labels.map((label, index) => ({ id: index, name: label, type: "custom" })),
    health: runner.health,
    last_online: timeText(runner.lastOnline),
    last_active: timeText(runner.lastActive),
    created_at: timeText(runner.createdAt),
  };
}
