import { expect, test } from "vitest";
import { defaultEvent } from "../../../src/cli/local-event.ts";
import type { Workflow } from "../../../src/workflow/model.ts";

const workflow = (...events: string[]) =>
  ({ on: new Map(events.map((event) => [event, null])) }) as unknown as Workflow;

test.each([
  [[workflow("push", "workflow_dispatch")], "workflow_dispatch"],
  [[workflow("pull_request", "push")], "pull_request"],
  [[workflow("workflow_dispatch"), workflow("schedule", "push")], "push"],
  [[workflow("schedule"), workflow("workflow_dispatch")], "workflow_dispatch"],
  [[], "push"],
])("case %#", (workflows, event) => {
  expect(defaultEvent(workflows)).toBe(event);
});
