/** How an engine describes an exec. */
export interface ExecState {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly CanRemove: boolean;
  readonly Pid: number;
}

/** What differs between the engines that speak Docker's interface. */
export interface EngineFlavour {
  readonly name: "docker" | "podman";
  /** What it is called in messages, and how one starts it. */
  readonly remedy: string;
  /** First output of an exec whose program could not be started; it then ends with code 126 or 127. */
  readonly startFailure: RegExp;
  /** Whether an exec has ended: both call one that has not begun "not running" too. */
  execEnded(state: ExecState): boolean;
  /** The engine runs health checks by itself. Podman leaves them to timers of systemd, which may not be there. */
  readonly checksHealth: boolean;
  /** Containers of a network find each other by their aliases. Podman needs a plugin for that which may not be there. */
  readonly resolvesAliases: boolean;
}

/** The table of differences; found with Docker 20.10 and Podman 4.3. */
export const FLAVOURS: Readonly<Record<EngineFlavour["name"], EngineFlavour>> = {
  docker: {
    name: "docker",
    remedy: "start Docker, or say in container.docker_host where it listens",
    startFailure: /^OCI runtime exec failed: /,
    execEnded: ({ Running, ExitCode }) => !Running && ExitCode !== null,
    checksHealth: true,
    resolvesAliases: true,
  },
  podman: {
    name: "podman",
    remedy: "install Podman, or start 'podman system service' and say in container.docker_host where it listens",
    startFailure: /^Error: (?:runc|crun|\S*conmon\S*|OCI|executable|exec failed)[: ]/,
    // while it ends, and while it is resized, the code is 0 for a moment and the pid still stands
    execEnded: ({ Running, CanRemove, Pid }) => !Running && CanRemove && Pid === 0,
    checksHealth: false,
    resolvesAliases: false,
  },
};
