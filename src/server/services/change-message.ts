import { z } from "zod";
import type { Change } from "./change-bus.ts";

/** Changes as one replica sent them together. */
export interface ChangeMessage {
  /** Id of the replica's process. */
  readonly sender: string;
  /** Counts the sender's messages, so that one that comes by two ways counts once. */
  readonly number: number;
  readonly changes: readonly Change[];
}

const id = z.number().int();
const change = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("job-waiting"),
    job: z.object({
      id,
      ownerId: id,
      repositoryId: id,
      runsOn: z.array(z.string()),
      priority: z.number(),
      readyAt: z.number().nullable(),
      createdAt: z.number(),
      reservation: z.object({ runnerId: id, until: z.number() }).nullable().default(null),
    }),
  }),
  z.object({ kind: z.literal("job-gone"), jobId: id }),
  z.object({ kind: z.literal("task"), taskId: id, runnerId: id }),
  z.object({ kind: z.literal("runner"), runnerId: id }),
  z.object({ kind: z.literal("result"), runnerId: id, taskId: id }),
  z.object({ kind: z.literal("held"), runnerId: id, taskIds: z.array(id) }),
  z.object({ kind: z.literal("stream"), runnerId: id, openedAt: z.number() }),
  z.object({ kind: z.literal("dispatch-rules") }),
]);
const message = z.object({ sender: z.string(), number: z.number(), changes: z.array(z.unknown()) });

/** The text of a message. */
export function writeChangeMessage({ sender, number, changes }: ChangeMessage): string {
  return JSON.stringify({ sender, number, changes });
}

/**
 * Reads a message. Changes of a kind that is not known here (a newer replica sent them) are left out.
 * @returns undefined when the text is no message
 */
export function readChangeMessage(text: string): ChangeMessage | undefined {
  const parsed = message.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { sender, number, changes } = parsed.data;
  return { sender, number, changes: changes.flatMap((one) => change.safeParse(one).data ?? []) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
