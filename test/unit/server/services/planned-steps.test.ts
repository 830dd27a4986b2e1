import { expect, it } from "vitest";
import { plannedSteps } from "../../../../src/server/services/planned-steps.ts";
import { parseWorkflow } from "../../../../src/workflow/parse-workflow.ts";

const SOURCE = `on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: echo one
      - run: echo two
        continue-on-error: false
      - run: echo three
        continue-on-error: true
      - uses: actions/checkout@v4
        continue-on-error: \${{ github.event_name == 'push' }}
`;

it("tells the steps whose failure is the job's", () => {
  const parsed = parseWorkflow(SOURCE);
  const [job] = parsed.workflow?.jobs.values() ?? [];
  const planned = plannedSteps(job?.steps ?? []);
  expect(planned.map(({ name, decisive = false }) => [name, decisive])).toEqual([
    ["Run echo one", true],
    ["Run echo two", true],
    ["Run echo three", false],
    ["Run actions/checkout@v4", false],
  ]);
});
