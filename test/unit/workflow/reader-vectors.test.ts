import { describe, expect, test } from "vitest";
import { acceptsWithWarnings, runVector, vectorFiles } from "./reader-vectors.ts";

const CALLED = "the parser does not expand called workflows";

/** Vectors that we do not pass, with the reason. */
const KNOWN: Readonly<Record<string, string>> = {
  "errors-anchor-tag.yml": "anchors are supported",
  "background-steps.yml": "background steps are refused with a diagnostic of the code not-supported",
  "job-snapshot-mapping.yml": "snapshots are refused with a diagnostic of the code not-supported",
  "job-snapshot-simple.yml": "snapshots are refused with a diagnostic of the code not-supported",
  "errors-max-result-size.yml": "the size of the template is bounded by the file and its nodes, not by a result size",
  "id-to-long.yml": "ids of steps without one are not part of the model, so neither is their shortening by a hash",
  "is-partial-rerun.yml": CALLED,
  "mvp.yml": "a block scalar at the very end of a file gets its line break from the yaml package",
  "preserves-source-info-basic.yml": "the model keeps no place for the keys of a strategy",
  "yaml-schema-str-flow-styles.yml": "the yaml package refuses a quoted text whose next line is indented too little",
  "errors-max-job-limit-with-reusable-workflow.yml": CALLED,
  "errors-reusable-workflow-job-inputs-required.yml": CALLED,
  "errors-reusable-workflow-job-inputs-type-mismatch.yml": CALLED,
  "errors-reusable-workflow-job-inputs-undefined.yml": CALLED,
  "errors-reusable-workflow-job-nested-depth-exceeded.yml": CALLED,
  "errors-reusable-workflow-job-nested-permissions-not-allowed-job-level-from-caller-job-level.yml": CALLED,
  "errors-reusable-workflow-job-nested-permissions-not-allowed-job-level-from-caller-workflow-level.yml": CALLED,
  "errors-reusable-workflow-job-nested-permissions-not-allowed-workflow-level-from-caller-job-level.yml": CALLED,
  "errors-reusable-workflow-job-nested-permissions-not-allowed-workflow-level-from-caller-workflow-level.yml": CALLED,
  "errors-reusable-workflow-job-secrets-required.yml": CALLED,
  "errors-reusable-workflow-job-secrets-undefined.yml": CALLED,
  "errors-reusable-workflow-max-result-size.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-job-level-from-caller-default.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-job-level-from-caller-job-level.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-job-level-from-caller-workflow-level.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-actions-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-checks-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-contents-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-deployments-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-discussions-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-id-token-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-issues-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-packages-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-pages-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-pull-requests-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-read-all-allowed-none.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-repository-projects-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-security-events-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-statuses-write.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-write-all-allowed-none.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-request-write-all-allowed-read-all.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-workflow-level-from-caller-default.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-workflow-level-from-caller-job-level.yml": CALLED,
  "errors-reusable-workflow-permissions-not-allowed-workflow-level-from-caller-workflow-level.yml": CALLED,
  "preserves-source-info-reusable-workflow.yml": CALLED,
  "reusable-workflow-inputs.yml": CALLED,
  "reusable-workflow-job-basic.yml": CALLED,
  "reusable-workflow-job-inputs-type-coercion.yml": CALLED,
  "reusable-workflow-job-mvp.yml": CALLED,
  "reusable-workflow-job-name.yml": CALLED,
  "reusable-workflow-job-nested-basic.yml": CALLED,
  "reusable-workflow-job-nested-multiple.yml": CALLED,
  "reusable-workflow-job-nested-permissions.yml": CALLED,
  "reusable-workflow-job-permissions-default-limited-read-allows-contents-packages.yml": CALLED,
  "reusable-workflow-job-permissions-embedded-permissions-after-jobs.yml": CALLED,
  "reusable-workflow-job-permissions-embedded-permissions.yml": CALLED,
  "reusable-workflow-job-permissions-overrides-default-limited-read.yml": CALLED,
  "reusable-workflow-job-permissions-overrides-default-limited-write.yml": CALLED,
  "reusable-workflow-job-permissions-overrides-default-write.yml": CALLED,
  "reusable-workflow-job-permissions-overrides-workflow-level.yml": CALLED,
  "reusable-workflow-job-strategy.yml": CALLED,
  "reusable-workflow-multiple.yml": CALLED,
  "reusable-workflow-no-inputs.yml": CALLED,
  "reusable-workflow-outputs.yml": CALLED,
  "reusable-workflow-secrets-secret-without-definition.yml": CALLED,
  "reusable-workflow-secrets.yml": CALLED,
  "skip-reusable-workflows.yml": CALLED,
};

/** Files that GitHub refuses and we take with a warning, since Gitea takes them. */
const WARNED = [
  "errors-invalid-mapping-key.yml",
  "errors-job-concurrency.yml",
  "errors-matrix-bad-key.yml",
  "errors-on-workflow_call-input-unexpected-property.yml",
  "events-single-invalid-config.yml",
  "events-single-invalid.yml",
];

describe("GitHub's reader vectors", () => {
  test("there are 195", () => expect(vectorFiles).toHaveLength(195));

  test.each(vectorFiles.filter((file) => !(file in KNOWN)))("%s", (file) => {
    expect(runVector(file)).toBeUndefined();
  });

  test.each(Object.entries(KNOWN))("%s is not passed: %s", (file) => {
    expect(runVector(file), `${file} passes now: take it off the list`).toBeDefined();
  });

  test("the files that get only warnings are known", () => {
    const passed = vectorFiles.filter((file) => !(file in KNOWN));
    expect(passed.filter(acceptsWithWarnings)).toEqual(WARNED);
  });
});
