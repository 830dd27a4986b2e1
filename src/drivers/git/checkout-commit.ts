import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../../lib/errors.ts";
import { runToEnd } from "../process/run-to-end.ts";
import { type CheckoutAction, type CheckoutOptions, type CheckoutPlan, checkoutPlan } from "./checkout-plan.ts";
import { gitError } from "./git-error.ts";

/** The place where a checkout happens: this machine, or a job's environment. */
export interface CheckoutPlace {
  /** Runs git. The environment is complete. @throws AppError when git cannot be started, or on cancellation */
  run(
    argv: readonly [string, ...string[]],
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number; stderr: string }>;
  /** Writes a file, making folders above it. */
  write(path: string, content: string, mode: number): Promise<void>;
}

/**
 * Makes `dir` a work tree of one commit.
 * @param place where; by default this machine, as the user of this process
 * @throws AppError invalid, forbidden, not_found, unavailable (with git's last line), cancelled
 */
export async function checkoutCommit(
  options: CheckoutOptions,
  { signal, place = thisMachine(signal) }: { signal: AbortSignal; place?: CheckoutPlace },
): Promise<void> {
  const plan = checkoutPlan(options);
  for (const action of plan.actions) {
    if (signal.aborted) throw new AppError("cancelled", `the checkout of ${options.dir} was cancelled`);
    await act(action, plan, options, place);
  }
}

async function act(
  action: CheckoutAction,
  { env }: CheckoutPlan,
  { url, credential }: CheckoutOptions,
  place: CheckoutPlace,
) {
  if (action.kind === "file") {
    await place.write(action.path, action.content, action.mode);
    return;
  }
  const { code, stderr } = await place.run(action.argv, env);
  if (code !== 0 && !action.mayFail) throw gitError(`checkout of ${url}`, stderr, credential);
}

function thisMachine(signal: AbortSignal): CheckoutPlace {
  return {
    run: (argv, env) => runToEnd({ argv, cwd: "/", env }, { maxBytes: 16 * 1024 * 1024, signal }),
    async write(path, content, mode) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content, { mode });
    },
  };
}
