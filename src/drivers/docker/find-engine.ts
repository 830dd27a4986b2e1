import { stat } from "node:fs/promises";
import { AppError } from "../../lib/errors.ts";
import { Engine } from "./engine.ts";
import { FLAVOURS } from "./engine-flavour.ts";

/** Where an engine is looked for. */
export interface EnginePlace {
  /** `unix:///path`; wins over all else. */
  readonly address?: string | undefined;
  /** Variables of the runner's process: DOCKER_HOST, CONTAINER_HOST, XDG_RUNTIME_DIR, HOME. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reaches an engine of this machine: at the address that is given, else at that of its own variable, else where it
 * usually listens. @throws AppError unavailable; invalid for an address that is not a unix socket
 */
export async function findEngine(name: "docker" | "podman", place: EnginePlace): Promise<Engine> {
  const sockets = engineSockets(name, place);
  for (const socket of sockets) {
    if ((await stat(socket).catch(() => undefined))?.isSocket()) return await Engine.connect(FLAVOURS[name], socket);
  }
  throw new AppError(
    "unavailable",
    `${name} is not there: no socket at ${sockets.join(" or ")}; ${FLAVOURS[name].remedy}`,
  );
}

/** The paths at which an engine may listen, the most likely first. @throws AppError invalid */
export function engineSockets(name: "docker" | "podman", { address, environment }: EnginePlace): string[] {
  const given = address || environment[name === "docker" ? "DOCKER_HOST" : "CONTAINER_HOST"];
  if (given !== undefined && given !== "") {
    const path = given.startsWith("/") ? given : /^unix:\/\/(\/.+)$/.exec(given)?.[1];
    if (path !== undefined) return [path];
    throw new AppError(
      "invalid",
      `${given} is not the unix socket of an engine on this machine: jobs share folders with the runner, so write unix:///path`,
    );
  }
  const own = environment["XDG_RUNTIME_DIR"];
  const home = environment["HOME"];
  if (name === "podman")
    return [...(own === undefined ? [] : [`${own}/podman/podman.sock`]), "/run/podman/podman.sock"];
  return [
    "/var/run/docker.sock",
    ...(own === undefined ? [] : [`${own}/docker.sock`]),
    ...(home === undefined ? [] : [`${home}/.docker/run/docker.sock`]),
  ];
}
