/** How the text of a setting is read. `list` takes commas in a variable; `map` is `NAME=VALUE` lines. */
type SettingKind = "string" | "number" | "boolean" | "duration" | "list" | "map";

/** One key of Gitea's `config.yaml`; the documentation's table is made from these. */
export interface Setting {
  /** Path of the key, joined with dots. */
  readonly key: string;
  readonly kind: SettingKind;
  /** As it would stand in the file. */
  readonly fallback: string;
  /** Variable that sets it; it wins over the file. */
  readonly variable: string;
  /** What it does, for the documentation; a key that is known but not honoured says why. */
  readonly text: string;
  /** False for keys that are read without a complaint of being unknown, but have no effect. @default true */
  readonly honoured?: false;
}

const setting = (
  key: string,
  kind: SettingKind,
  fallback: string,
  text: string,
  more: Partial<Setting> = {},
): Setting => ({
  key,
  kind,
  fallback,
  text,
  variable: `ACT_RUNNER_${key
    .replace(/^runner\./, "")
    .replaceAll(".", "_")
    .toUpperCase()}`,
  ...more,
});

const NOT_YET = { honoured: false } as const;

/**
 * Every key that a released version of Gitea's or Forgejo's runner knows (protocol reference §5.2, §5.3), and ours at
 * the end. A key that is not here is a warning with its line.
 */
export const SETTINGS: readonly Setting[] = [
  setting("log.level", "string", "info", "Level of the program's own log: trace, debug, info, warn, error."),
  setting("log.job_level", "string", "info", "Forgejo's level of the job log.", NOT_YET),
  setting("log.job.dir", "string", "", "Folder for local copies of job logs.", NOT_YET),
  setting("log.job.retention", "duration", "168h", "Age at which those copies go.", NOT_YET),
  setting("log.job.max_size", "string", "1GB", "Size of those copies.", NOT_YET),
  setting("runner.file", "string", ".runner", "The registration."),
  setting("runner.capacity", "number", "1", "Jobs at the same time."),
  setting("runner.envs", "map", "", "More variables for every job, below the workflow's own."),
  setting("runner.env_file", "string", ".env", "File of NAME=VALUE lines with more of them."),
  setting("runner.timeout", "duration", "3h", "Longest time of a job."),
  setting("runner.shutdown_timeout", "duration", "0s", "How long running jobs may go on after the first signal."),
  setting(
    "runner.insecure",
    "boolean",
    "false",
    "Take any TLS certificate of the server, also for git and the built-in actions.",
  ),
  setting("runner.fetch_timeout", "duration", "5s", "Deadline of a poll; a server that parks polls gets 50s."),
  setting("runner.fetch_interval", "duration", "2s", "Pause after an empty poll."),
  setting("runner.fetch_interval_max", "duration", "5s", "Longest pause, after several empty or failed polls."),
  setting("runner.workdir_cleanup_age", "duration", "24h", "Age at which left work folders go.", NOT_YET),
  setting("runner.idle_cleanup_interval", "duration", "10m", "How often they are looked for.", NOT_YET),
  setting(
    "runner.log_report_interval",
    "duration",
    "5s",
    "Longest pause between log reports; log_report_max_latency is shorter.",
    NOT_YET,
  ),
  setting("runner.log_report_max_latency", "duration", "300ms", "How long a row may wait for others."),
  setting("runner.log_report_batch_size", "number", "100", "So many waiting rows are sent at once."),
  setting("runner.state_report_interval", "duration", "5s", "Heartbeat of a running job."),
  setting("runner.report_interval", "duration", "1s", "Forgejo's report loop.", NOT_YET),
  setting("runner.report_retry.max_retries", "number", "10", "Forgejo's final tries.", NOT_YET),
  setting("runner.report_retry.initial_delay", "duration", "100ms", "Forgejo's first pause between them.", NOT_YET),
  setting("runner.report_retry.max_delay", "duration", "0s", "Forgejo's longest pause between them.", NOT_YET),
  setting("runner.report_close_timeout", "duration", "10s", "Deadline of one report call."),
  setting(
    "runner.github_mirror",
    "string",
    "",
    "Takes the place of https://github.com for actions; a folder of repositories as file:///path works too.",
  ),
  setting("runner.action_shallow_clone", "boolean", "true", "Known; actions are always fetched without history."),
  setting("runner.set_act_env", "boolean", "true", "Set ACT=true in jobs."),
  setting("runner.patch_actions", "boolean", "true", "Let GitHub's artifact and cache actions accept this server."),
  setting("runner.labels", "list", "", "Labels; they win over those of the registration."),
  setting(
    "runner.allocate_pty",
    "boolean",
    "false",
    "Run the `run` steps under a pseudo-terminal; their two streams then become one.",
  ),
  setting(
    "runner.default_image",
    "string",
    "docker.gitea.com/runner-images:ubuntu-latest",
    "Image for a runs-on without a match.",
    NOT_YET,
  ),
  setting("runner.tool_cache_mode", "string", "none", "none, or shared.", NOT_YET),
  setting("runner.post_task_script", "string", "", "Host script after each task.", NOT_YET),
  setting("runner.post_task_script_timeout", "duration", "5m", "Its limit.", NOT_YET),
  setting("runner.hooks.job_started", "string", "", "Script before the first step; when it fails, so does the job."),
  setting("runner.hooks.job_completed", "string", "", "Script after the last step, whatever became of it."),
  setting(
    "cache.enabled",
    "boolean",
    "true",
    "Jobs have caches: those of the server where it has some (ours), else those that this runner keeps itself.",
  ),
  setting("cache.dir", "string", "", "Folder of the caches that this runner keeps; empty is beside the registration."),
  setting("cache.host", "string", "", "Name under which jobs reach this runner; empty finds an address."),
  setting("cache.port", "number", "0", "Port for the jobs; 0 takes a free one."),
  setting("cache.proxy_port", "number", "0", "Forgejo's cache proxy.", NOT_YET),
  setting("cache.external_server", "string", "", "Address of a shared cache server, given to jobs instead."),
  setting("cache.external_secret", "string", "", "Its secret.", NOT_YET),
  setting("cache.external_secret_file", "string", "", "File with its secret.", NOT_YET),
  setting("cache.secret", "string", "", "Forgejo's name for it.", NOT_YET),
  setting("cache.actions_cache_url_override", "string", "", "Forgejo's name for it."),
  setting("cache.offline_mode", "boolean", "false", "Ask no host about refs of actions that were seen before."),
  setting("cache.v2", "boolean", "true", "Jobs may use cache protocol 2."),
  setting("cache.retention", "duration", "168h", "A cache that nobody used for so long goes."),
  setting(
    "cache.repo_size_limit",
    "string",
    "10GB",
    "Size of the caches of one repository; what was used longest ago goes first. 0 is no limit.",
  ),
  setting("cache.size_limit", "string", "0", "Size of all caches. 0 is no limit."),
  setting("cache.sweep_interval", "duration", "1h", "How often old caches are looked for."),
  setting("container.network", "string", "", "Network of containers; empty makes one per job."),
  setting("container.network_mode", "string", "", "Old name of network."),
  setting("container.network_create_options.enable_ipv4", "boolean", "true", "IPv4 in such a network.", NOT_YET),
  setting("container.network_create_options.enable_ipv6", "boolean", "false", "IPv6 in such a network."),
  setting("container.enable_ipv6", "boolean", "false", "Forgejo's name for it."),
  setting(
    "container.privileged",
    "boolean",
    "false",
    "Workflows may ask for privileged containers, devices and the like.",
  ),
  setting("container.options", "string", "", "Flags of docker create for all containers."),
  setting("container.workdir_parent", "string", "workspace", "Parent of the workspace in containers.", NOT_YET),
  setting("container.valid_volumes", "list", "", "Patterns of folders and volumes that a workflow may mount."),
  setting("container.docker_host", "string", "", "Unix socket of the engine; empty looks for it."),
  setting("container.force_pull", "boolean", "false", "Pull images each time."),
  setting("container.force_rebuild", "boolean", "false", "Build images each time.", NOT_YET),
  setting("container.require_docker", "boolean", "false", "Refuse to start without an engine.", NOT_YET),
  setting("container.docker_timeout", "duration", "0s", "How long to wait for the engine.", NOT_YET),
  setting("container.bind_workdir", "boolean", "false", "Mount the workspace instead of copying it.", NOT_YET),
  setting("container.service_ready_timeout", "duration", "5m", "How long services may take to become healthy."),
  setting(
    "host.workdir_parent",
    "string",
    "",
    "Parent of the folders of host jobs; empty takes one beside the registration.",
  ),
  setting("health_check.enabled", "boolean", "false", "Take no work while the machine is unfit."),
  setting("health_check.min_free_disk_space_mb", "number", "1024", "Free space it asks for, in MiB."),
  setting("health_check.script", "string", "", "Path of a script; the machine is unfit when it fails."),
  setting("health_check.interval", "duration", "30s", "How often at most the machine is checked."),
  setting("health_check.timeout", "duration", "10s", "Limit of the script."),
  setting("metrics.enabled", "boolean", "false", "Serve /healthz and /readyz."),
  setting("metrics.addr", "string", "127.0.0.1:9101", "Where."),
  setting("metrics.readiness_grace", "duration", "30s", "How long polls may fail before /readyz says so."),
  setting("container.mount_socket", "boolean", "false", "Jobs get the engine's socket, and with it its power."),
  setting("container.cpus", "string", "", "Processors a container may use, such as 1.5."),
  setting("container.memory", "string", "", "Memory it may use, such as 2g."),
  setting("container.pids", "number", "0", "Processes it may have; 0 is no limit."),
  setting(
    "runner.report_give_up",
    "duration",
    "1h",
    "How long the last reports of a job are tried while the server is away. Ours.",
  ),
  setting(
    "runner.builtin_actions",
    "boolean",
    "true",
    "Run actions/checkout, upload-artifact, download-artifact and cache without a download or Node; false fetches them like any action. Ours.",
  ),
  setting(
    "host.run_as",
    "string",
    "",
    "User, or uid:gid, that runs the steps of host jobs; the runner then has to be root. Empty: the runner's own user, whose files and token such jobs can read. Ours.",
  ),
  setting("runner.cancel_timeout", "duration", "5m", "How long always() steps may go on after a cancel. Ours."),
];
