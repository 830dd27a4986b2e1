import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { HostWithContainers } from "../../src/executors/container/host-with-containers.ts";
import type { ContainerSpec, ServiceSpec } from "../../src/executors/executor.ts";
import { testEngine } from "../support/engines.ts";
import { eventually } from "../support/eventually.ts";
import { type ContainerSubject, containerSubject } from "../support/executor-container-subject.ts";
import { hostSubject } from "../support/executor-host-subject.ts";
import { nextJobId, sh } from "../support/executor-subject.ts";

for (const name of ["docker", "podman"] as const) {
  const found = await testEngine(name);
  if ("missing" in found) {
    describe(`containers of ${name}`, () => it.skip(`skipped: ${found.missing}`));
    continue;
  }
  const { engine: testedEngine } = found;
  const { image } = testedEngine;

  describe(`containers of ${name}`, () => {
    let subject: ContainerSubject;
    const log: string[] = [];

    beforeEach(async () => {
      log.length = 0;
      subject = await containerSubject(testedEngine);
    });

    afterEach(async () => {
      expect(await subject.leftovers()).toEqual([]);
      await subject[Symbol.asyncDispose]();
    });

    const prepare = (container: Partial<ContainerSpec> = {}, services: ServiceSpec[] = [], from = subject.containers) =>
      from.prepare(
        { id: nextJobId(), repository: "o/r", container: { image, ...container }, services },
        { signal: new AbortController().signal, log: (line) => void log.push(line) },
      );

    it("a job sees the variables, the limits and the user it asks for", async () => {
      await using job = await prepare({ env: { A: "b c", EMPTY: "" }, options: "--user 65534 --hostname box -e X=1" });
      const ran = await sh(job, 'echo "$A|$EMPTY|$X|$HOME"; id -u; hostname; touch here "$HOME/x" && echo written');
      expect(ran.stdout).toEqual(["b c||1|/github/home", "65534", "box", "written"]);
      expect(job.baseEnv).toMatchObject({ A: "b c", PATH: "/bin", HOME: "/github/home", CI: "true" });
      expect(job.paths.workspace).toBe("/__w/r/r");
    });

    it("without a network there is none", async () => {
      await using job = await prepare({ options: "--network none" });
      expect((await sh(job, "ls /sys/class/net")).stdout).toEqual(["lo"]);
    });

    it("what runs out of memory is said so", async () => {
      await using tight = await containerSubject(testedEngine, {
        rules: {
          policy: { privileged: false, validVolumes: [] },
          limits: { memoryBytes: 32 * 2 ** 20, pids: 100 },
          options: "",
        },
      });
      await using job = await prepare({ options: "--memory 1g" }, [], tight.containers);
      const { exit } = await sh(job, "exec tail /dev/zero");
      expect(exit).toEqual({ kind: "exited", code: 137, outOfMemory: true });
      expect((await sh(job, "kill -KILL $$")).exit).toEqual({ kind: "exited", code: 137 });
    });

    it("services are reached by name, wait for their health, and are told of in the job context", async () => {
      const service: ServiceSpec = {
        name: "web",
        image,
        ports: ["8080"],
        env: { TEXT: "hello" },
        entrypoint: "sh",
        command: `-c 'sleep 0.5; mkdir /www; echo "$TEXT" > /www/index.html; httpd -f -p 8080 -h /www'`,
        options: "--health-cmd 'wget -q -O - http://127.0.0.1:8080/' --health-interval 200ms --health-retries 50",
      };
      await using job = await prepare({}, [service]);
      expect((await sh(job, "wget -q -O - http://web:8080/")).stdout).toEqual(["hello"]);
      expect(job.containers?.services["web"]?.ports["8080"]).toMatch(/^\d+$/);
      expect(job.containers?.container?.network).toBe(job.containers?.services["web"]?.network);
    });

    it("a host job reaches services by the ports that they publish", async () => {
      await using host = await hostSubject();
      const executor = new HostWithContainers(host.executor, [subject.containers]);
      const service = { name: "web", image, ports: ["8080"], entrypoint: "httpd", command: "-f -p 8080 -h /etc" };
      await using job = await executor.prepare(
        { id: nextJobId(), repository: "o/r", services: [service] },
        { signal: new AbortController().signal },
      );
      const port = job.containers?.services["web"]?.ports["8080"] ?? "";
      const ask = () => fetch(`http://127.0.0.1:${port}/group`).then((answer) => answer.text());
      const text = await eventually("the service to listen", () => ask().catch(() => undefined));
      expect(text).toContain("root:x:0");
    });

    it("a service that ends shows its log and fails the job", async () => {
      const service = { name: "db", image, entrypoint: "sh", command: "-c 'echo no space; exit 3'" };
      await expect(prepare({}, [{ ...service, options: "--health-cmd false" }])).rejects.toThrow(/service db ended/);
      expect(log).toContain("no space");
    });

    it("what a workflow may not ask for is refused, and names the setting", async () => {
      await expect(prepare({ options: "--privileged" })).rejects.toThrow("container.privileged");
      await expect(prepare({ options: "--pid=host" })).rejects.toThrow("container.privileged");
      await expect(prepare({ volumes: ["/etc:/host"] })).rejects.toThrow("container.valid_volumes");
      await expect(prepare({ options: "--memry 1g" })).rejects.toThrow("--memory");
      await expect(prepare({ image: "no.such/image" })).rejects.toMatchObject({ code: "not_found" });
    });

    it("volumes that are allowed are mounted, and anonymous ones go with the job", async () => {
      await using allowing = await containerSubject(testedEngine, {
        rules: { policy: { privileged: false, validVolumes: ["/etc/**"] }, limits: {}, options: "" },
      });
      await using job = await prepare({ volumes: ["/etc/passwd:/mine:ro", "/scratch"] }, [], allowing.containers);
      expect((await sh(job, "grep -c . /mine; echo x > /scratch/f && echo kept")).stdout.at(-1)).toBe("kept");
    });

    it("what a killed runner left is gone when it starts again", async () => {
      const service = { name: "s", image, entrypoint: "sleep", command: "1000" };
      await prepare({}, [service]); // never disposed, as after kill -9
      expect((await subject.leftovers()).length).toBeGreaterThan(3);
      await new ContainerExecutor(subject.options).open();
      expect(await subject.leftovers()).toEqual([]);
      expect(await readdir(subject.options.workRoot)).toEqual([".claims"]);
    });

    it("a job whose container has ended says why it cannot go on", async () => {
      await using job = await prepare({ options: "--init=false" });
      await subject.engine.killContainer(job.containers?.container?.id ?? "");
      const { exit } = await sh(job, "true");
      expect(exit.kind === "not-started" && exit.error.message).toContain("container has ended (exit code 137)");
    });
  });
}
