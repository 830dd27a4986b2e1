import { describe, expect, it } from "vitest";
import { type ContainerRules, planContainer } from "../../../../src/executors/container/build-container.ts";

const rules = (more: Partial<ContainerRules["policy"]> = {}, rest: Partial<ContainerRules> = {}): ContainerRules => ({
  policy: { privileged: false, validVolumes: [], ...more },
  limits: {},
  options: "",
  ...rest,
});

/** What an `options:` string makes of a container. */
const plan = (options: string, allowed = rules({ privileged: true, validVolumes: ["**"] })) =>
  planContainer({ image: "x", options }, allowed, "the job's container");

describe("planContainer", () => {
  it.each([
    ["--memory 512m --memory-swap=-1 -c 512", { Memory: 536_870_912, MemorySwap: -1, CpuShares: 512 }],
    ["--cpus 1.5 --pids-limit=64 --shm-size 1g", { NanoCpus: 1.5e9, PidsLimit: 64, ShmSize: 2 ** 30 }],
    ["--cap-add NET_ADMIN --cap-add SYS_TIME --cap-drop=ALL", { CapAdd: ["NET_ADMIN", "SYS_TIME"], CapDrop: ["ALL"] }],
    [
      "--device /dev/fuse",
      { Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" }] },
    ],
    [
      "--ulimit nofile=1024:2048 --ulimit core=0",
      {
        Ulimits: [
          { Name: "nofile", Soft: 1024, Hard: 2048 },
          { Name: "core", Soft: 0, Hard: 0 },
        ],
      },
    ],
    ["--tmpfs /run:size=1m --tmpfs /x", { Tmpfs: { "/run": "size=1m", "/x": "" } }],
    ["--add-host a:1.2.3.4 --dns 1.1.1.1", { ExtraHosts: ["a:1.2.3.4"], Dns: ["1.1.1.1"] }],
    ["--privileged --init=false --read-only", { Privileged: true, Init: false, ReadonlyRootfs: true }],
    ["-v/a:/b:ro --volume=c:/d", { Binds: ["/a:/b:ro", "c:/d"] }],
    [
      "--mount type=bind,src=/a,dst=/b,readonly",
      { Mounts: [{ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }] },
    ],
    [
      "--sysctl net.core.somaxconn=1024 --restart on-failure:3",
      { Sysctls: { "net.core.somaxconn": "1024" }, RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } },
    ],
    [
      "--gpus all",
      { DeviceRequests: [{ Driver: "", Count: -1, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} }] },
    ],
    [
      "-p 80:8080/udp -p 127.0.0.1::9",
      {
        PortBindings: {
          "8080/udp": [{ HostIp: "", HostPort: "80" }],
          "9/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }],
        },
      },
    ],
  ])("%s", (options, host) => {
    expect(plan(options).host).toMatchObject(host);
  });

  it("fills in what is not of the host", () => {
    const { create, aliases, pull, platform } = plan(
      `-e A='b c' --env B -u 1000:1000 --hostname h -l k=v --network-alias db --pull never --platform linux/arm64
       --health-cmd "curl -f 'http://x' || exit 1" --health-interval 1m30s --health-retries 5 --entrypoint /bin/x`,
    );
    expect(create).toMatchObject({ Env: ["A=b c", "B="], User: "1000:1000", Hostname: "h", Labels: { k: "v" } });
    expect(create).toMatchObject({ Entrypoint: ["/bin/x"] });
    const Test = ["CMD-SHELL", "curl -f 'http://x' || exit 1"];
    expect(create.Healthcheck).toEqual({ Test, Interval: 90e9, Retries: 5 });
    expect({ aliases, pull, platform }).toEqual({ aliases: ["db"], pull: "never", platform: "linux/arm64" });
  });

  it.each([
    ["--memroy 1g", "--memroy is not a flag that can be used here; do you mean --memory?"],
    ["--frobnicate", "--frobnicate is not a flag that can be used here; remove it"],
    ["-x", "-x is not a flag"],
    ["--memory", "--memory needs a value"],
    ["--memory lots", "--memory: 'lots' is not a size such as 512m"],
    ["--health-interval 5", "'5' is not a duration"],
    ["stray", "'stray' is not a flag"],
    ["--env 'A", "a quote is not closed"],
    ["--mount type=nfs,dst=/x", "the type 'nfs' is not known"],
    ["--publish a:b", "'a:b' is not a port"],
  ])("%s is refused", (options, message) => {
    expect(() => plan(options)).toThrow(message);
    expect(() => plan(options)).toThrow(/the options of the job's container|not a port/);
  });

  it.each([
    "--privileged",
    "--cap-add=SYS_ADMIN",
    "--device /dev/kvm",
    "--security-opt seccomp=unconfined",
    "--pid host",
    "--ipc=host",
    "--uts host",
    "--userns=host",
    "--cgroupns host",
    "--network host",
    "--net=host",
    "--volumes-from other",
    "--pid container:abc",
    "--cgroup-parent /",
    "--runtime runc2",
  ])("%s is power over the machine", (options) => {
    expect(() => plan(options, rules())).toThrow("container.privileged");
    expect(() => plan(options)).not.toThrow();
  });

  it("only no network can be chosen instead of the job's", () => {
    expect(plan("--network none", rules()).network).toBe("none");
    expect(() => plan("--network other")).toThrow("only 'none' may be chosen");
  });

  it.each([
    ["/data/x:/x", ["/data/**"], true],
    ["/data/../etc:/x", ["/data/**"], false],
    ["/database:/x", ["/data/*"], false],
    ["cache-1:/x", ["cache-?"], true],
    ["cache-12:/x", ["cache-?"], false],
    ["/a:/x", ["{/a,/b}"], true],
    ["/var/run/docker.sock:/var/run/docker.sock", [], false],
    ["/anonymous", [], true],
    ["a.c:/x", ["a+c"], false],
  ])("the volume %s with %j is allowed: %s", (volume, validVolumes, allowed) => {
    const make = () => planContainer({ image: "x", volumes: [volume] }, rules({ validVolumes }), "the job's container");
    if (allowed) expect(make).not.toThrow();
    else expect(make).toThrow("container.valid_volumes");
  });

  it("mounts of options are looked at too", () => {
    for (const options of ["-v /etc:/x", "--mount type=bind,source=/etc,target=/x"]) {
      expect(() => plan(options, rules({ privileged: true }))).toThrow("may not mount '/etc'");
    }
  });

  it("limits of the owner are the most a job gets", () => {
    const limits = { cpus: 2, memoryBytes: 2 ** 30, pids: 100 };
    const limited = (options: string) => plan(options, rules({}, { limits })).host;
    const full = { NanoCpus: 2e9, Memory: 2 ** 30, MemorySwap: 2 ** 30, PidsLimit: 100 };
    expect(limited("")).toMatchObject(full);
    expect(limited("--cpus 8 --memory 8g --memory-swap -1 --pids-limit -1 --cpu-quota 900000")).toMatchObject(full);
    expect(limited("--cpus 1 --memory 512m --pids-limit 10")).toMatchObject({
      ...{ NanoCpus: 1e9, Memory: 2 ** 29, PidsLimit: 10 },
    });
  });

  it("the owner's own flags need no permission, and the workflow's come after them", () => {
    const owner = rules({}, { options: "--privileged -v /cache:/cache --memory 1g" });
    expect(plan("--memory 2g", owner).host).toMatchObject({
      Privileged: true,
      Binds: ["/cache:/cache"],
      Memory: 2 ** 31,
    });
  });
});
