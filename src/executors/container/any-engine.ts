import { AppError, errorText } from "../../lib/errors.ts";
import type { ContainerExecutor } from "./container-executor.ts";

/**
 * The first of a machine's engines that answers, for jobs whose label does not name one.
 * @throws AppError unavailable, saying why none does
 */
export async function anyEngine(engines: readonly ContainerExecutor[]): Promise<ContainerExecutor> {
  const reasons: string[] = [];
  for (const engine of engines) {
    try {
      await engine.open();
      return engine;
    } catch (error) {
      reasons.push(errorText(error));
    }
  }
  const why = reasons.length === 0 ? "this runner was set up without a container engine" : reasons.join("; ");
  throw new AppError("unavailable", `the job asks for containers, but no engine is there to run them: ${why}`);
}
