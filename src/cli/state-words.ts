import type { Colours, Paint } from "./colours.ts";
import type { RestState } from "./rest-types.ts";

/** One word for a state: the conclusion where it is completed, else the status with spaces. */
export function stateWord({ status, conclusion }: RestState): string {
  if (status === "completed") return conclusion ?? "completed";
  return status.replaceAll("_", " ");
}

/** Whether nothing more will happen. */
export function isDone({ status }: RestState): boolean {
  return status === "completed";
}

/** The colour of a state. */
export function statePaint(state: RestState, colours: Colours): Paint {
  switch (stateWord(state)) {
    case "success":
      return colours.green;
    case "failure":
    case "timed_out":
      return colours.red;
    case "in progress":
      return colours.cyan;
    case "cancelled":
      return colours.yellow;
    default:
      return colours.dim;
  }
}
