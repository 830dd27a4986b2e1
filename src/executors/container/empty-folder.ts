import type { Engine } from "../../drivers/docker/engine.ts";
import { AppError } from "../../lib/errors.ts";

/** Where the folder is mounted. */
const TARGET = "/leftover";
const SCRIPT = `chmod -R u+rwX ${TARGET}; rm -rf ${TARGET}/* ${TARGET}/.[!.]* ${TARGET}/..?*`;

/**
 * Removes what is in a folder of this machine, as root of a container: what users of a job's container left belongs to
 * people whom a runner that is not root may not touch.
 * @throws AppError when the container cannot be run
 */
export async function emptyFolder(
  engine: Engine,
  image: string,
  folder: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const id = await engine.createContainer({
    Image: image,
    User: "0",
    Entrypoint: ["sh"],
    Cmd: ["-c", SCRIPT],
    Labels: { ...labels },
    HostConfig: { NetworkMode: "none", Mounts: [{ Type: "bind", Source: folder, Target: TARGET }] },
  });
  try {
    await engine.startContainer(id);
    const code = await engine.waitContainer(id);
    if (code !== 0) throw new AppError("unavailable", `what is in ${folder} could not be removed (code ${code})`);
  } finally {
    await engine.removeContainer(id);
  }
}
