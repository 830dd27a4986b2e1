import { z } from "zod";
import type { Account } from "../domain/account.ts";
import { timeText } from "./time-text.ts";

/** A user or organisation; Gitea's User and Organization in what both share. */
export const accountShape = z.object({
  id: z.number(),
  login: z.string(),
  username: z.string(),
  name: z.string(),
  kind: z.enum(["user", "org"]),
  created: z.string(),
});

/** The shape of an account. */
export function accountJson(account: Account): z.infer<typeof accountShape> {
  const { id, name, kind, createdAt } = account;
  return { id, login: name, username: name, name, kind, created: timeText(createdAt) };
}
