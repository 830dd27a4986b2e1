import type { Template } from "../model.ts";
import type { Findings } from "./findings.ts";
import { PLACES } from "./place.ts";
import { readFields } from "./read-fields.ts";
import { readTemplate } from "./read-template.ts";
import type { YamlNode } from "./yaml-node.ts";

const LEVELS = ["read", "write", "none"];
const SHAPE = {
  what: "the permissions",
  keys: [
    ...["actions", "attestations", "checks", "code", "contents", "deployments", "discussions", "id-token", "issues"],
    ...["models", "packages", "pages", "projects", "pull-requests", "releases", "repository-projects"],
    ...["security-events", "statuses", "wiki"],
  ],
};

/** Reads `permissions`: `read-all`, `write-all`, or levels by scope (GitHub's and Gitea's scopes). */
export function readPermissions(node: YamlNode, findings: Findings): Template | undefined {
  if (node.kind === "scalar") {
    if (node.value !== null && !["read-all", "write-all", ""].includes(String(node.value))) {
      const message = `Unexpected value '${node.value}': use read-all, write-all or a mapping`;
      findings.error("bad-permissions", message, node.range);
    }
    return readTemplate(node, PLACES.anywhere, findings);
  }
  if (readFields(node, SHAPE, findings) === undefined || node.kind !== "mapping") return undefined;
  for (const { key, value } of node.entries) {
    if (value.kind === "scalar" && LEVELS.includes(String(value.value))) continue;
    findings.error("bad-permissions", `The permission '${key.value}' has to be read, write or none`, value.range);
  }
  return readTemplate(node, PLACES.anywhere, findings);
}
