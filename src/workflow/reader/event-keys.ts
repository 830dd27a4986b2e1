const TYPES = ["types"];
const BRANCHES = ["branches", "branches-ignore"];
const PATHS = ["paths", "paths-ignore"];

/** Events of GitHub, Gitea and Forgejo, with the keys of their configuration. */
export const EVENT_KEYS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["push", [...BRANCHES, "tags", "tags-ignore", ...PATHS]],
  ["pull_request", [...TYPES, ...BRANCHES, ...PATHS]],
  ["pull_request_target", [...TYPES, ...BRANCHES, ...PATHS]],
  ["pull_request_review", [...TYPES, ...BRANCHES]],
  ["pull_request_review_comment", [...TYPES, ...BRANCHES]],
  ["workflow_run", [...TYPES, "workflows", ...BRANCHES]],
  ["workflow_dispatch", ["inputs"]],
  ["workflow_call", ["inputs", "outputs", "secrets"]],
  ["merge_group", [...TYPES, ...BRANCHES]],
  ["image_version", ["names", "versions"]],
  ["schedule", []],
  ...[
    ...["branch_protection_rule", "check_run", "check_suite", "create", "delete", "deployment", "deployment_status"],
    ...[
      "discussion",
      "discussion_comment",
      "fork",
      "gollum",
      "issue_comment",
      "issues",
      "label",
      "member",
      "milestone",
    ],
    ...["page_build", "project", "project_card", "project_column", "public", "pull_request_approved"],
    ...["pull_request_assign", "pull_request_comment", "pull_request_label", "pull_request_milestone"],
    ...["pull_request_rejected", "pull_request_review_request", "pull_request_sync", "registry_package", "release"],
    ...["repository_dispatch", "status", "watch", "package"],
  ].map((event) => [event, [...TYPES, ...BRANCHES]] as const),
]);
