import { z } from "zod";
import type { RunnerSystem } from "../domain/runner-system.ts";
import type { RunnerView } from "../services/runner-admin.ts";
import type { LastReport } from "../services/take-report.ts";
import { timeText } from "./time-text.ts";

const systemShape = z.object({
  os: z.string(),
  arch: z.string(),
  os_version: z.string(),
  git_version: z.string(),
  node_version: z.string(),
  docker_version: z.string(),
  podman_version: z.string(),
  cores: z.number(),
  memory_bytes: z.number(),
  disk_bytes: z.number(),
  /** How much of it is in use, as the last report said; null where that is not known. */
  usage: z
    .object({ cpu: z.number(), memory_bytes: z.number(), disk_bytes: z.number(), reported_at: z.string() })
    .nullable(),
});

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
  /** What the runner declared; differs from `labels` where those were edited here. */
  declared_labels: z.array(z.string()),
  /** `labels` were edited here and survive what the runner declares. */
  labels_edited: z.boolean(),
  /** Of several runners that could take a job the one with the higher priority does. */
  priority: z.number(),
  /** The machine, as the runner reported it. */
  system: systemShape.nullable(),
  /** What the runner says that it is doing. */
  phase: z.enum(["starting", "ready", "stopping"]).nullable(),
  /** Why the runner says it cannot work. */
  health: z.string().nullable(),
  last_online: z.string().nullable(),
  last_active: z.string().nullable(),
  created_at: z.string(),
  /** The only job that it may do; null: any. */
  job_id: z.number().nullable(),
  /** When the token that counts was made. */
  token_created_at: z.string(),
  /** Until when the old token works beside a new one that was not used yet; null: there is no new one. */
  old_token_expires_at: z.string().nullable(),
});

/** The shape of a runner. */
export function runnerJson({ runner, state, busy, report }: RunnerView): z.infer<typeof runnerShape> {
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
    declared_labels: [...runner.declaredLabels],
    labels_edited: runner.labelOverlay !== null,
    priority: runner.priority,
    system: systemJson(runner.system, report),
    phase: report?.phase ?? null,
    health: runner.health,
    last_online: timeText(runner.lastOnline),
    last_active: timeText(runner.lastActive),
    created_at: timeText(runner.createdAt),
    job_id: runner.boundJobId,
    token_created_at: timeText(runner.tokenMadeAt),
    old_token_expires_at: timeText(runner.oldTokenUntil),
  };
}

function systemJson(system: RunnerSystem | null, report: LastReport | undefined): z.infer<typeof systemShape> | null {
  if (system === null) return null;
  const { usage, at } = report ?? { usage: null, at: 0 };
  return {
    os: system.os,
    arch: system.arch,
    os_version: system.osVersion,
    git_version: system.gitVersion,
    node_version: system.nodeVersion,
    docker_version: system.dockerVersion,
    podman_version: system.podmanVersion,
    cores: system.cores,
    memory_bytes: system.memoryBytes,
    disk_bytes: system.diskBytes,
    usage:
      usage === null
        ? null
        : {
            cpu: usage.cpu,
            memory_bytes: usage.memoryBytes,
            disk_bytes: usage.diskBytes,
            reported_at: timeText(at),
          },
  };
}
