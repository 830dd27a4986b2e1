import type { Step } from "../../workflow/model.ts";
import { builtinCheckout } from "../builtin/checkout.ts";
import { runScript } from "./run-script.ts";
import type { StepHandler } from "./step-handler.ts";

/** Which handler runs a step: the first whose test holds. Kinds of actions are added here. */
const HANDLERS: readonly (readonly [matches: (step: Step) => boolean, handler: StepHandler])[] = [
  [(step) => step.run !== undefined, { main: runScript }],
  [(step) => isCheckout(step.uses ?? ""), builtinCheckout],
];

/** `actions/checkout` at any ref, also by its full address: it is built in, so that it needs neither a download nor Node. */
export function isCheckout(uses: string): boolean {
  return /^(https?:\/\/[^/]+\/)?actions\/checkout@[^/\s]+$/i.test(uses);
}

/** The handler of a step; what this runner cannot run fails with one sentence. */
export function handlerFor(step: Step): StepHandler {
  return HANDLERS.find(([matches]) => matches(step))?.[1] ?? unsupported;
}

const unsupported: StepHandler = {
  main: (scope) =>
    Promise.resolve({
      outcome: "failure",
      message: `The action '${scope.step.uses ?? ""}' cannot run: this version of the runner runs 'run' steps and actions/checkout only.`,
    }),
};
