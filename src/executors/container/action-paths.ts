import { dirname } from "node:path/posix";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import type { JobPaths } from "../executor.ts";
import type { FolderMount } from "./build-container.ts";

/** Where the container of an action finds the job's folders; as GitHub's runner has them (ContainerActionHandler.cs). */
export const ACTION_WORKSPACE = "/github/workspace";
/** HOME of an action in a container. */
export const ACTION_HOME = "/github/home";
const JOB_ROOT = "/__w";

/**
 * The folders of a job in the container of an action. Only the job's root is mounted: what lies in it may have become a
 * link to anywhere by now, and the engine would follow it on this machine. The names that GitHub has are links inside of
 * the container, where nothing but the container can be reached by them.
 */
export class ActionPaths {
  readonly mount: FolderMount;
  readonly #links: ReadonlyMap<string, string>;
  readonly #names: readonly (readonly [job: string, action: string])[];

  /**
   * @param root the job's folder on this machine
   * @param jobRoot the same as the job sees it
   */
  constructor(root: string, jobRoot: string, { workspace, temp }: JobPaths) {
    this.mount = { source: root, target: JOB_ROOT };
    const inside = (path: string) => JOB_ROOT + path.slice(jobRoot.length);
    const event = `${temp}/_github_workflow`;
    const commands = `${temp}/_runner_file_commands`;
    this.#links = new Map([
      ["workspace", inside(workspace)],
      ["runner_temp", inside(temp)],
      ["home", `${JOB_ROOT}/_home`],
      ["workflow", inside(event)],
      ["file_commands", inside(commands)],
    ]);
    this.#names = [
      [event, "/github/workflow"],
      [commands, "/github/file_commands"],
      [temp, "/github/runner_temp"],
      [workspace, ACTION_WORKSPACE],
      [dirname(workspace), inside(dirname(workspace))],
    ];
  }

  /** Spells a value that is the path of something of the job as the action sees it. */
  translate(value: string): string {
    for (const [job, action] of this.#names) {
      if (value === job || value.startsWith(`${job}/`)) return action + value.slice(job.length);
    }
    return value;
  }

  /** The links, as an archive for the root of a container. */
  archive(): NodeJS.ReadableStream {
    const archive = pack();
    archive.entry({ name: "github", type: "directory", mode: 0o755 });
    for (const [name, linkname] of this.#links) archive.entry({ name: `github/${name}`, type: "symlink", linkname });
    archive.finalize();
    return Readable.from(archive);
  }
}
