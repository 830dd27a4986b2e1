import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RunnerSchema } from "../../protocol/messages.ts";
import type { Runner } from "../domain/runner.ts";

/** A runner as the protocol shows it. The token is only given at the registration. */
export function runnerMessage(runner: Runner, token = ""): MessageInitShape<typeof RunnerSchema> {
  return {
    id: BigInt(runner.id),
    uuid: runner.uuid,
    token,
    name: runner.name,
    version: runner.version,
    labels: [...runner.labels],
    ephemeral: runner.ephemeral,
  };
}
