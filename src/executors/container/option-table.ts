import type Docker from "dockerode";
import { AppError } from "../../lib/errors.ts";
import type { ContainerDraft } from "./container-draft.ts";
import { addMount, addPort, addVolume } from "./draft-mounts.ts";
import { parseNanoseconds, parseNumber, parsePair, parseSize } from "./option-values.ts";

/** What one flag of `docker create` does to a container. */
export interface ContainerOption {
  /** It takes a value; else it stands alone, or with `=true` or `=false`. */
  readonly takes: "value" | "nothing";
  /** It gives the container power over its machine. @default false */
  readonly power?: true;
  apply(draft: ContainerDraft, value: string): void;
}

type HostKey = keyof Docker.HostConfig;

const value = (apply: ContainerOption["apply"]): ContainerOption => ({ takes: "value", apply });
const power = (option: ContainerOption): ContainerOption => ({ ...option, power: true });
const flag = (apply: (draft: ContainerDraft, on: boolean) => void): ContainerOption => ({
  takes: "nothing",
  apply: (draft, text) => apply(draft, text !== "false"),
});
const host = (key: HostKey, read: (text: string) => unknown = String): ContainerOption =>
  value(({ host: config }, text) => Object.assign(config, { [key]: read(text) }));
const list = (key: HostKey): ContainerOption =>
  value(({ host: config }, text) => Object.assign(config, { [key]: [...((config[key] as string[]) ?? []), text] }));
const map = (key: HostKey): ContainerOption =>
  value(({ host: config }, text) => {
    const [name, entry] = parsePair(text);
    Object.assign(config, { [key]: { ...(config[key] as object), [name]: entry } });
  });
const create = (key: keyof Docker.ContainerCreateOptions, read: (text: string) => unknown = String): ContainerOption =>
  value(({ create: config }, text) => Object.assign(config, { [key]: read(text) }));
const health = (key: keyof Docker.HealthConfig, read: (text: string) => unknown): ContainerOption =>
  value(({ create: config }, text) =>
    Object.assign(config, { Healthcheck: { ...config.Healthcheck, [key]: read(text) } }),
  );
/** Namespaces of the machine are power; those of nobody else are not. */
const namespace = (key: HostKey): ContainerOption =>
  value((draft, text) => {
    if (text !== "private" && text !== "none" && text !== "shareable") draft.powers.push(`${key} ${text}`);
    Object.assign(draft.host, { [key]: text });
  });

/** The flags of `docker create` that a container's `options` may hold, by their long names. */
export const OPTION_TABLE: Readonly<Record<string, ContainerOption>> = {
  "add-host": list("ExtraHosts"),
  "blkio-weight": host("BlkioWeight", parseNumber),
  "cap-add": power(list("CapAdd")),
  "cap-drop": list("CapDrop"),
  "cgroup-parent": power(host("CgroupParent")),
  cgroupns: namespace("CgroupnsMode" as HostKey),
  "cpu-period": host("CpuPeriod", parseNumber),
  "cpu-quota": host("CpuQuota", parseNumber),
  "cpu-shares": host("CpuShares", parseNumber),
  cpus: host("NanoCpus", (text) => Math.round(parseNumber(text) * 1e9)),
  "cpuset-cpus": host("CpusetCpus"),
  "cpuset-mems": host("CpusetMems"),
  device: power(
    value(({ host: config }, text) => {
      const [PathOnHost = "", PathInContainer = PathOnHost, CgroupPermissions = "rwm"] = text.split(":");
      Object.assign(config, {
        Devices: [...((config.Devices as object[]) ?? []), { PathOnHost, PathInContainer, CgroupPermissions }],
      });
    }),
  ),
  "device-cgroup-rule": power(list("DeviceCgroupRules")),
  dns: list("Dns"),
  "dns-option": list("DnsOptions"),
  "dns-search": list("DnsSearch"),
  domainname: create("Domainname"),
  entrypoint: create("Entrypoint", (text) => [text]),
  env: value(({ create: config }, text) => void config.Env.push(text.includes("=") ? text : `${text}=`)),
  expose: value(({ create: config }, text) => {
    config.ExposedPorts[text.includes("/") ? text : `${text}/tcp`] = {};
  }),
  gpus: host("DeviceRequests", readGpus),
  "group-add": list("GroupAdd"),
  "health-cmd": health("Test", (text) => ["CMD-SHELL", text]),
  "health-interval": health("Interval", parseNanoseconds),
  "health-retries": health("Retries", parseNumber),
  "health-start-period": health("StartPeriod", parseNanoseconds),
  "health-timeout": health("Timeout", parseNanoseconds),
  hostname: create("Hostname"),
  init: flag((draft, on) => Object.assign(draft.host, { Init: on })),
  interactive: flag((draft, on) => Object.assign(draft.create, { OpenStdin: on })),
  ipc: namespace("IpcMode"),
  label: value(({ create: config }, text) => {
    const [name, entry] = parsePair(text);
    config.Labels[name] = entry;
  }),
  "log-driver": value(({ host: config }, text) =>
    Object.assign(config, { LogConfig: { Type: text, Config: config.LogConfig?.Config ?? {} } }),
  ),
  "log-opt": value(({ host: config }, text) => {
    const [name, entry] = parsePair(text);
    const { Type = "json-file", Config = {} } = config.LogConfig ?? {};
    Object.assign(config, { LogConfig: { Type, Config: { ...Config, [name]: entry } } });
  }),
  "mac-address": create("MacAddress"),
  memory: host("Memory", parseSize),
  "memory-reservation": host("MemoryReservation", parseSize),
  "memory-swap": host("MemorySwap", (text) => (text === "-1" ? -1 : parseSize(text))),
  "memory-swappiness": host("MemorySwappiness", parseNumber),
  mount: value(addMount),
  network: value((draft, text) => {
    draft.network = text;
  }),
  "network-alias": value(({ aliases }, text) => void aliases.push(text)),
  "no-healthcheck": flag(({ create: config }, on) => {
    if (on) Object.assign(config, { Healthcheck: { Test: ["NONE"] } });
  }),
  "oom-kill-disable": flag((draft, on) => Object.assign(draft.host, { OomKillDisable: on })),
  "oom-score-adj": host("OomScoreAdj", parseNumber),
  pid: namespace("PidMode"),
  "pids-limit": host("PidsLimit", parseNumber),
  platform: create("platform"),
  privileged: flag((draft, on) => {
    if (on) draft.powers.push("--privileged");
    Object.assign(draft.host, { Privileged: on });
  }),
  publish: value(addPort),
  "publish-all": flag((draft, on) => Object.assign(draft.host, { PublishAllPorts: on })),
  pull: value((draft, text) => {
    if (text !== "always" && text !== "missing" && text !== "never") {
      throw new AppError("invalid", `'${text}' is not a pull policy; use always, missing or never`);
    }
    draft.pull = text;
  }),
  "read-only": flag((draft, on) => Object.assign(draft.host, { ReadonlyRootfs: on })),
  restart: value(({ host: config }, text) => {
    const [Name = "", count] = text.split(":");
    Object.assign(config, {
      RestartPolicy: { Name, ...(count === undefined ? {} : { MaximumRetryCount: Number(count) }) },
    });
  }),
  // containers are removed with their job anyway
  rm: flag(() => undefined),
  runtime: power(host("Runtime")),
  "security-opt": power(list("SecurityOpt")),
  "shm-size": host("ShmSize", parseSize),
  "stop-signal": create("StopSignal"),
  "stop-timeout": create("StopTimeout", parseNumber),
  "storage-opt": map("StorageOpt"),
  sysctl: map("Sysctls"),
  tmpfs: value(({ host: config }, text) => {
    const at = text.indexOf(":");
    const [target, mode] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    Object.assign(config, { Tmpfs: { ...config.Tmpfs, [target]: mode } });
  }),
  tty: flag((draft, on) => Object.assign(draft.create, { Tty: on })),
  ulimit: value(({ host: config }, text) => {
    const [Name, limits] = parsePair(text);
    const [soft = "", hard = soft] = limits.split(":");
    const limit = { Name, Soft: parseNumber(soft), Hard: parseNumber(hard) };
    Object.assign(config, { Ulimits: [...(config.Ulimits ?? []), limit] });
  }),
  user: create("User"),
  userns: namespace("UsernsMode"),
  uts: namespace("UTSMode"),
  volume: value(addVolume),
  "volumes-from": power(list("VolumesFrom")),
  workdir: create("WorkingDir"),
};

/** Short and other names of flags. */
export const OPTION_ALIASES: Readonly<Record<string, string>> = {
  c: "cpu-shares",
  e: "env",
  h: "hostname",
  i: "interactive",
  l: "label",
  m: "memory",
  p: "publish",
  P: "publish-all",
  t: "tty",
  u: "user",
  v: "volume",
  w: "workdir",
  net: "network",
  "net-alias": "network-alias",
  "dns-opt": "dns-option",
};

function readGpus(text: string): Docker.DeviceRequest[] {
  const count = text === "all" ? -1 : Number(text);
  if (Number.isInteger(count))
    return [{ Driver: "", Count: count, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} }];
  const ids = /^"?device=([^"]+)"?$/.exec(text)?.[1]?.split(",");
  if (ids === undefined)
    throw new AppError("invalid", `'${text}' is not a choice of GPUs: use all, a number or device=0,1`);
  return [{ Driver: "", Count: 0, DeviceIDs: ids, Capabilities: [["gpu"]], Options: {} }];
}
