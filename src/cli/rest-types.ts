// The parts of the REST interface's answers that the commands print; shapes as in Gitea's swagger (protocol.md §4.3).

/** Status and end of a run or job, in GitHub's words: `queued`, `waiting`, `in_progress`, `completed`. */
export interface RestState {
  readonly status: string;
  readonly conclusion?: string | null;
}

/** A repository. */
export interface RestRepository {
  readonly id: number;
  readonly name: string;
  readonly full_name: string;
  /** Where the server mirrors it from. */
  readonly clone_url?: string;
  readonly default_branch?: string;
  readonly owner?: { readonly login: string };
}

/** ActionWorkflowRun. */
export interface RestRun extends RestState {
  readonly id: number;
  readonly url?: string;
  readonly html_url?: string;
  readonly display_title: string;
  readonly path: string;
  readonly event: string;
  readonly run_number: number;
  readonly run_attempt: number;
  readonly head_sha: string;
  readonly head_branch: string;
  readonly repository?: RestRepository;
  readonly actor?: { readonly login: string };
  readonly created_at?: string | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
}

/** A step of an ActionWorkflowJob. */
export interface RestStep extends RestState {
  readonly name: string;
  readonly number: number;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
}

/** ActionWorkflowJob. */
export interface RestJob extends RestState {
  readonly id: number;
  readonly run_id: number;
  readonly name: string;
  readonly labels: readonly string[];
  readonly runner_id?: number | null;
  readonly runner_name?: string | null;
  readonly steps?: readonly RestStep[] | null;
  readonly html_url?: string;
  readonly created_at?: string | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
  /** Our addition: why it ended so, or why it waits. */
  readonly message?: string | null;
}

/** ActionRunner. */
export interface RestRunner {
  readonly id: number;
  readonly uuid?: string;
  readonly name: string;
  readonly status: string;
  readonly busy: boolean;
  readonly disabled: boolean;
  readonly ephemeral: boolean;
  readonly description?: string;
  readonly version?: string;
  readonly labels: readonly { readonly name: string }[];
}

/** Answer to the rotation of a runner's token. */
export interface RestTokenRotation {
  readonly token: string | null;
  readonly delivery: "server" | "caller";
  readonly old_expires_at: string;
}

/** ActionArtifact. */
export interface RestArtifact {
  readonly id: number;
  readonly name: string;
  readonly size_in_bytes: number;
  readonly expired: boolean;
  readonly expires_at: string;
}
