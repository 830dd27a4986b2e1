import { FrameSplitter } from "../../drivers/docker/carry-output.ts";
import type { Engine } from "../../drivers/docker/engine.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ContainerFacts, JobLog } from "../executor.ts";
import type { ContainerPlan } from "./build-container.ts";
import { containerFacts, type JobNetwork, startContainer } from "./running-container.ts";
import { waitHealthy } from "./service-health.ts";

/** A service whose image is here. */
export interface ServicePlan {
  readonly name: string;
  readonly image: string;
  readonly plan: ContainerPlan;
}

/** What services are started with. */
export interface ServicesOptions {
  readonly engine: Engine;
  /** Prefix of the containers' names. */
  readonly prefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: JobNetwork;
  readonly readyMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /** Takes what removes a container, to be called at the job's end. */
  undo(work: () => Promise<void>): void;
}

/** The running services of a job. */
export interface RunningServices {
  readonly facts: Readonly<Record<string, ContainerFacts>>;
  /** `name:address` of each, for engines that do not resolve aliases. */
  readonly hosts: readonly string[];
}

const LOG_LINES = 200;

/**
 * Starts the services one after another and waits until all are ready. When one is not, its log goes to the job's.
 * @throws AppError
 */
export async function startServices(
  services: readonly ServicePlan[],
  options: ServicesOptions,
): Promise<RunningServices> {
  const { engine, network, labels, prefix, log, clock, signal, readyMs } = options;
  const facts: Record<string, ContainerFacts> = {};
  const hosts: string[] = [];
  for (const { name, image, plan } of services) {
    signal.throwIfAborted();
    await log(`Starting the service ${name} (${image})`);
    const container = { engine, name: `${prefix}-${name}`, image, labels, network, aliases: [name], hosts };
    const id = await startContainer(plan, container);
    options.undo(() => engine.removeContainer(id));
    const started = await containerFacts(engine, id);
    facts[name] = started.facts;
    if (!engine.flavour.resolvesAliases && started.address !== undefined) hosts.push(`${name}:${started.address}`);
  }
  for (const [name, { id }] of Object.entries(facts)) {
    try {
      await waitHealthy(engine, id, name, { clock, signal, limitMs: readyMs });
      // the port of a service may be given only once it runs
      facts[name] = (await containerFacts(engine, id)).facts;
    } catch (error) {
      if (!signal.aborted) await showLog(engine, id, name, log);
      throw error;
    }
  }
  return { facts, hosts };
}

async function showLog(engine: Engine, id: string, name: string, log: JobLog): Promise<void> {
  const bytes = await engine.logs(id, LOG_LINES).catch(() => Buffer.alloc(0));
  await log(`##[group]Log of the service ${name}`);
  for (const line of plainText(bytes).split(/\r?\n/)) if (line !== "") await log(line);
  await log("##[endgroup]");
}

/** Logs of a container with a terminal have no frames. */
function plainText(bytes: Buffer): string {
  try {
    return Buffer.concat(new FrameSplitter().push(bytes).map((frame) => frame.bytes)).toString("utf8");
  } catch {
    return bytes.toString("utf8");
  }
}
