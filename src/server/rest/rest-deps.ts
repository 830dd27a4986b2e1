import type { OpenJobServices } from "../../jobservices/open-job-services.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Accounts } from "../services/accounts.ts";
import type { ApiIdentity } from "../services/api-identity.ts";
import type { ApiTokens } from "../services/api-tokens.ts";
import type { CronRunner } from "../services/cron-runner.ts";
import type { DispatchRulesService } from "../services/dispatch-rules-service.ts";
import type { Jobs } from "../services/jobs.ts";
import type { KeptFiles } from "../services/kept-files.ts";
import type { LogSearch } from "../services/log-search.ts";
import type { Mirrors } from "../services/mirrors.ts";
import type { OneJobRunners } from "../services/one-job-runners.ts";
import type { RegistrationTokens } from "../services/registration-tokens.ts";
import type { Repositories } from "../services/repositories.ts";
import type { RunLogs } from "../services/run-logs.ts";
import type { RunnerAdmin } from "../services/runner-admin.ts";
import type { Runs } from "../services/runs.ts";
import type { ServeGit } from "../services/serve-git.ts";
import type { SettingsService } from "../services/settings-service.ts";
import type { Submission, SubmittedRun } from "../services/submit-run.ts";

/** The services behind the REST interface. */
export interface RestDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Outside address of the server, without a slash at its end. */
  readonly publicUrl: () => string;
  readonly version: string;
  /** Whether everything that is needed answers. Resolves to a restriction, or null. @throws AppError unavailable */
  readonly ready: () => Promise<string | null>;
  /** Aborts when the server is about to close: streams end. */
  readonly closing: AbortSignal;
  /** Aborts when load balancers are to send nothing more; before `closing`. */
  readonly draining: AbortSignal;
  readonly apiIdentity: ApiIdentity;
  readonly accounts: Accounts;
  readonly apiTokens: ApiTokens;
  readonly repositories: Repositories;
  readonly mirrors: Mirrors;
  readonly runs: Runs;
  readonly jobs: Jobs;
  readonly logs: RunLogs;
  readonly keptFiles: KeptFiles;
  readonly jobServices: OpenJobServices;
  readonly logSearch: LogSearch;
  readonly runnerAdmin: RunnerAdmin;
  readonly oneJobRunners: OneJobRunners;
  readonly crons: CronRunner;
  readonly dispatchRules: DispatchRulesService;
  readonly registrationTokens: RegistrationTokens;
  readonly settings: SettingsService;
  readonly serveGit: ServeGit;
  readonly submit: (submission: Submission, options: { readonly signal?: AbortSignal }) => Promise<SubmittedRun>;
}
