import { runToEnd } from "../../drivers/process/run-to-end.ts";
import { AppError } from "../../lib/errors.ts";
import type { User } from "./job-folders.ts";

/**
 * The user of this machine that `host.run_as` names.
 * @param name a name, or `uid:gid`
 * @throws AppError invalid when there is none, or this process is not root and could not become it
 */
export async function findUser(name: string): Promise<User> {
  if (process.getuid?.() !== 0) {
    throw new AppError(
      "invalid",
      `host.run_as is ${name}, but only root can run jobs as another user: start it as root`,
    );
  }
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(name) ?? (await passwdEntry(name)) ?? [];
  if (uid === undefined || gid === undefined) {
    throw new AppError("invalid", `host.run_as is ${name}, which is no user of this machine: make it with useradd`);
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** getent knows users of directories too. */
async function passwdEntry(name: string): Promise<RegExpExecArray | undefined> {
  const argv = ["getent", "passwd", "--", name] as const;
  const { stdout } = await runToEnd(
    { argv: [...argv], cwd: "/", env: { PATH: "/usr/bin:/bin" } },
    { maxBytes: 65_536 },
  );
  return /^[^:]*:[^:]*:(\d+):(\d+):/.exec(stdout.toString("utf8")) ?? undefined;
}
