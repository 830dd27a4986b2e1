import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type ReportRequest,
  type ReportResponseSchema,
  type ResourceUsage,
  RunnerPhase,
  type SystemInfo,
} from "../../protocol/messages.ts";
import type { RunnerPhase as Phase, RunnerSystem, RunnerUsage } from "../domain/runner-system.ts";
import type { ProtocolServices } from "../services/protocol-services.ts";
import { truncated } from "../services/runner-fields.ts";
import { callingRunner } from "./auth.ts";
import { toCount, toTaskIds } from "./wire-numbers.ts";

const LONGEST_WORD = 64;

/** Report: message → plain values, one service, plain values → message. */
export async function report(
  { reports, runnerTokens }: Pick<ProtocolServices, "reports" | "runnerTokens">,
  request: ReportRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof ReportResponseSchema>> {
  const { system, usage, phase, problem } = request;
  const runner = callingRunner(context);
  const stop = await reports.take(runner, {
    system: system === undefined ? null : machine(system),
    usage: usage === undefined ? null : inUse(usage),
    phase: PHASES[phase] ?? null,
    runningTaskIds: toTaskIds(request.runningTaskIds, "running_task_ids"),
    problem: problem === undefined ? null : problem.reason || "it does not say why",
  });
  const cancels = stop.map(({ taskId, ended }) => ({ taskId: BigInt(taskId), ended }));
  const offer = await runnerTokens.offerTo(runner);
  if (offer === undefined) return { cancels };
  return { cancels, token: { token: offer.token, oldExpiresAt: timestampFromMs(offer.oldUntil) } };
}

const PHASES: Readonly<Record<number, Phase>> = {
  [RunnerPhase.STARTING]: "starting",
  [RunnerPhase.READY]: "ready",
  [RunnerPhase.STOPPING]: "stopping",
};

function machine(system: SystemInfo): RunnerSystem {
  const word = (text: string) => truncated(text, LONGEST_WORD);
  return {
    os: word(system.os),
    arch: word(system.arch),
    osVersion: word(system.osVersion),
    gitVersion: word(system.gitVersion),
    nodeVersion: word(system.nodeVersion),
    dockerVersion: word(system.dockerVersion),
    podmanVersion: word(system.podmanVersion),
    cores: Math.max(0, system.cores),
    memoryBytes: toCount(system.memoryBytes, "system.memory_bytes"),
    diskBytes: toCount(system.diskBytes, "system.disk_bytes"),
  };
}

function inUse(usage: ResourceUsage): RunnerUsage {
  return {
    cpu: Number.isFinite(usage.cpu) ? Math.min(1, Math.max(0, usage.cpu)) : 0,
    memoryBytes: toCount(usage.memoryBytes, "usage.memory_bytes"),
    diskBytes: toCount(usage.diskBytes, "usage.disk_bytes"),
  };
}
