import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import type { Engine } from "../../drivers/docker/engine.ts";
import { packFolder } from "../../drivers/docker/pack-folder.ts";
import { type PullPolicy, pullImage } from "../../drivers/docker/pull-image.ts";
import { runContainer } from "../../drivers/docker/run-container.ts";
import type { KillGrace } from "../../drivers/process/kill-tree.ts";
import type { Clock } from "../../lib/clock.ts";
import { toAppError } from "../../lib/errors.ts";
import type { ActionContainerSpec, ActionContainers, ActionImage, JobLog, LineSink, StepExit } from "../executor.ts";
import { killReason } from "../kill-reason.ts";
import { ACTION_HOME, ACTION_WORKSPACE, type ActionPaths } from "./action-paths.ts";
import { type ContainerRules, planContainer } from "./build-container.ts";
import { readIgnoreRules, withoutIgnored } from "./build-context.ts";
import type { MountedFiles } from "./mounted-files.ts";
import { type JobNetwork, makeContainer } from "./running-container.ts";

/** What the actions of a job are run with. */
export interface ImageActionsParts {
  /** Begins the names of what is made. */
  readonly prefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly engine: Engine;
  readonly network: JobNetwork;
  /** `name:address` of the job's services, for engines that do not resolve aliases. */
  readonly hosts: readonly string[];
  /** The job's folder on this machine. */
  readonly root: string;
  readonly paths: ActionPaths;
  readonly files: MountedFiles;
  readonly rules: ContainerRules;
  readonly pull: PullPolicy;
  readonly mountSocket: boolean;
  readonly grace: KillGrace | undefined;
  readonly drainMs: number | undefined;
  readonly clock: Clock;
  /** Takes what removes something, to be called at the job's end. */
  undo(work: () => Promise<void>): void;
}

/** Images that were built for an action of a known commit stay, so that the next job finds them. */
const BUILT = "localhost/act-runner-ts/action";

/** Runs the actions of one job that are images, each stage in a container of its own. */
export class ImageActions implements ActionContainers {
  readonly #parts: ImageActionsParts;
  #made = 0;

  constructor(parts: ImageActionsParts) {
    this.#parts = parts;
  }

  async prepareImage(source: ActionImage, { signal, log }: { signal: AbortSignal; log: JobLog }): Promise<string> {
    const { engine, pull: policy, clock, rules } = this.#parts;
    // progress is not worth holding it up
    const tell = (line: string) => void Promise.resolve(log(line)).catch(() => undefined);
    if (source.kind === "build") return await this.#build(source, { signal, tell });
    const { platform, pull = policy } = planContainer({ image: source.image }, rules, "the action");
    return await pullImage(engine, source.image, { policy: pull, platform, clock, signal, log: tell });
  }

  async run(
    spec: ActionContainerSpec,
    { signal, output }: { signal: AbortSignal; output: LineSink },
  ): Promise<StepExit> {
    const { engine, grace, drainMs, clock } = this.#parts;
    const id = await this.#make(spec).catch((error: unknown) => toAppError(error));
    if (typeof id !== "string") return { kind: "not-started", error: id };
    await using _ = { [Symbol.asyncDispose]: () => engine.removeContainer(id).catch(() => undefined) };
    const exit = await runContainer(engine, id, { signal, output, grace, drainMs, clock });
    return exit.kind === "killed" ? { kind: "killed", reason: killReason(exit.reason) } : exit;
  }

  async #build(
    { key, context, dockerfile }: Extract<ActionImage, { kind: "build" }>,
    { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
  ): Promise<string> {
    const { engine, prefix, labels, files, undo } = this.#parts;
    this.#made += 1;
    const name = `${BUILT}:${key ?? `${prefix}-${this.#made}`}`;
    if (key !== undefined && (await engine.image(name)) !== undefined) return name;
    tell(`Building ${dockerfile}`);
    await using stack = new AsyncDisposableStack();
    const folder =
      "machine" in context
        ? context.machine
        : `/proc/${process.pid}/fd/${stack.use(await files.openFolder(context.job)).fd}`;
    // Podman's service looks at `.dockerignore` itself, Docker's leaves it to its client
    const rules = engine.flavour.name === "podman" ? undefined : await readIgnoreRules(folder);
    const { archive } = stack.use(packFolder(folder));
    const sent = rules === undefined ? archive : withoutIgnored(archive, rules, dockerfile);
    // an image of a known commit is no job's own, and is not cleaned up as one
    await engine.build(sent, {
      ...{ name, dockerfile, signal, progress: tell },
      labels: key === undefined ? labels : {},
    });
    if (key === undefined) undo(() => engine.removeImage(name));
    return name;
  }

  async #make({ image, entrypoint, args, env }: ActionContainerSpec): Promise<string> {
    const { engine, network, hosts, prefix, labels, rules, paths, root, mountSocket, undo } = this.#parts;
    await mkdir(join(root, "_home")).catch(() => undefined); // there already, in a job that runs in a container
    this.#made += 1;
    const values = Object.entries({ ...env, HOME: ACTION_HOME, GITHUB_ACTIONS: "true" });
    const create: Docker.ContainerCreateOptions = {
      WorkingDir: ACTION_WORKSPACE,
      Env: values.map(([name, value]) => `${name}=${paths.translate(value)}`),
      AttachStdout: true,
      AttachStderr: true,
      ...(entrypoint === undefined ? {} : { Entrypoint: [entrypoint] }),
      ...(args === undefined ? {} : { Cmd: [...args] }),
    };
    const id = await makeContainer(planContainer({ image }, rules, "the action"), {
      ...{ engine, name: `${prefix}-action-${this.#made}`, image, labels, network, aliases: [], hosts, create },
      mounts: [{ Type: "bind", Source: paths.mount.source, Target: paths.mount.target, ReadOnly: false }],
      binds: mountSocket ? [`${engine.socketPath}:/var/run/docker.sock`] : [],
    });
    // for the case that nobody is left to do it earlier
    undo(() => engine.removeContainer(id));
    await engine.putArchive(id, paths.archive(), "/");
    return id;
  }
}
