import { describe, expect, test } from "vitest";
import { acceptsWithWarnings, runVector, vectorFiles } from "./reader-vectors.ts";

/** Vectors that we do not pass, with the reason. */
const KNOWN: Readonly<Record<string, string>> = {
  "errors-anchor-tag.yml": "anchors are supported",
  "background-steps.yml": "background steps are refused with a diagnostic of the code not-supported",
  "job-snapshot-mapping.yml": "snapshots are refused with a diagnostic of the code not-supported",
  "job-snapshot-simple.yml": "snapshots are refused with a diagnostic of the code not-supported",
  "errors-max-result-size.yml": "the size of the template is bounded by the file and its nodes, not by a result size",
  "id-to-long.yml": "ids of steps without one are not part of the model, so neither is their shortening by a hash",
  "is-partial-rerun.yml": "the model keeps no places for the ids of needs",
  "skip-reusable-workflows.yml": "the model keeps no places for the ids of needs",
  "errors-reusable-workflow-max-result-size.yml":
    "the size of called workflows is bounded by their files and the number of jobs, not by a result size",
  "mvp.yml": "a block scalar at the very end of a file gets its line break from the yaml package",
  "preserves-source-info-basic.yml": "the model keeps no place for the keys of a strategy",
  "yaml-schema-str-flow-styles.yml": "the yaml package refuses a quoted text whose next line is indented too little",
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
