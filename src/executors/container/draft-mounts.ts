import type Docker from "dockerode";
import { AppError } from "../../lib/errors.ts";
import type { ContainerDraft } from "./container-draft.ts";

/** Adds `target`, `source:target` or `source:target:mode` as `volumes:` and `--volume` write it. @throws AppError invalid */
export function addVolume({ create, host, sources }: ContainerDraft, text: string): void {
  const [source = "", target, ...mode] = text.split(":");
  if (target === undefined) {
    create.Volumes[checkTarget(source, text)] = {};
    return;
  }
  checkTarget(target, text);
  if (source === "" || mode.length > 1) throw new AppError("invalid", `'${text}' is not a volume: ${FORM}`);
  host.Binds.push(text);
  sources.push(source);
}

const FORM = "write source:target or source:target:ro";

/** Adds what `--mount` describes. @throws AppError invalid */
export function addMount({ host, sources }: ContainerDraft, text: string): void {
  const fields = new Map(
    text.split(",").map((field) => {
      const [name = "", ...value] = field.split("=");
      return [ALIASES[name.trim()] ?? name.trim(), value.join("=")] as const;
    }),
  );
  const unknown = [...fields.keys()].find((name) => !MOUNT_FIELDS.has(name));
  if (unknown !== undefined) {
    throw new AppError("invalid", `--mount: '${unknown}' is not known; known are ${[...MOUNT_FIELDS].join(", ")}`);
  }
  const type = fields.get("type") ?? "volume";
  if (type !== "bind" && type !== "volume" && type !== "tmpfs") {
    throw new AppError("invalid", `--mount: the type '${type}' is not known; use bind, volume or tmpfs`);
  }
  const source = fields.get("source") ?? "";
  const mount: Docker.MountSettings = {
    Type: type,
    Source: source,
    Target: checkTarget(fields.get("target") ?? "", text),
  };
  const readOnly = fields.has("readonly") && fields.get("readonly") !== "false";
  host.Mounts.push({ ...mount, ReadOnly: readOnly });
  if (type !== "tmpfs" && source !== "") sources.push(source);
}

const ALIASES: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};
const MOUNT_FIELDS: ReadonlySet<string> = new Set(["type", "source", "target", "readonly"]);

/**
 * Adds `[ip:][host:]container[/protocol]` as `ports:` and `--publish` write it; ranges of the same length pair up.
 * Without a port of the host the engine chooses one. @throws AppError invalid
 */
export function addPort({ create, host }: ContainerDraft, text: string): void {
  const match = /^(?:(?:(\[[^\]]*\]|[\d.]+):)?([\d-]*):)?(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text.trim());
  const [, ip = "", outside = "", first = "", last = first, protocol = "tcp"] = match ?? [];
  const [from, to = from] = outside === "" ? [] : outside.split("-").map(Number);
  const count = Number(last) - Number(first);
  if (match === null || count < 0 || (from !== undefined && to !== undefined && to - from !== count)) {
    throw new AppError("invalid", `'${text}' is not a port: write 8080, 80:8080 or 80:8080/udp`);
  }
  for (let offset = 0; offset <= count; offset += 1) {
    const port = `${Number(first) + offset}/${protocol}`;
    create.ExposedPorts[port] = {};
    host.PortBindings[port] ??= [];
    const hostPort = from === undefined ? "" : String(from + offset);
    host.PortBindings[port].push({ HostIp: ip.replace(/[[\]]/g, ""), HostPort: hostPort });
  }
}

function checkTarget(target: string, text: string): string {
  if (target.startsWith("/")) return target;
  throw new AppError("invalid", `'${text}' does not say where in the container it is mounted: ${FORM}`);
}
