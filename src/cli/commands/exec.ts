import { mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { Command, Option } from "commander";
import { Git } from "../../drivers/git/git.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import { parseEnvText } from "../../runner/config.ts";
import type { Outcome } from "../../runner/engine/job-event.ts";
import { readLocalWorkflows } from "../../runner/local-workflows.ts";
import { machineActions } from "../../runner/machine-actions.ts";
import { type RunLocalOptions, runLocal } from "../../runner/run-local.ts";
import { LocalServices } from "../../runner/services/local-services.ts";
import { parseWorkflow } from "../../workflow/parse-workflow.ts";
import type { CliContext } from "../cli-context.ts";
import { outputColours } from "../colours.ts";
import { execPlace } from "../exec-place.ts";
import { ExecJsonPrinter, ExecPrinter } from "../exec-printer.ts";
import { listLocalJobs } from "../list-local-jobs.ts";
import { defaultEvent } from "../local-event.ts";
import { localGithub } from "../local-github.ts";
import type { LogOptions } from "../log-choices.ts";
import { addLogSettings } from "../log-settings.ts";
import { makeLogger } from "../logger.ts";
import { packageVersion } from "../package-version.ts";
import { EXIT_CODES } from "../report-error.ts";
import { collect, keyValue } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { UsageError } from "../usage-error.ts";

interface ExecFlags extends LogOptions {
  readonly directory: string;
  readonly workflows?: string;
  readonly job?: readonly string[];
  readonly event?: string;
  readonly eventpath?: string;
  readonly secret?: readonly string[];
  readonly secretFile?: string;
  readonly var?: readonly string[];
  readonly env?: readonly string[];
  readonly envFile: string;
  readonly input?: readonly string[];
  readonly matrix?: readonly string[];
  readonly image?: string;
  readonly label?: readonly string[];
  readonly list?: boolean;
  readonly dryrun?: boolean;
  readonly debug?: boolean;
  readonly json?: boolean;
  readonly artifactServerPath?: string;
}

/** Longest time of a job without `timeout-minutes`: GitHub's default. */
const JOB_TIMEOUT_MS = 6 * 60 * 60_000;

/** `exec`: the engine that runs a server's tasks, without a server. */
export function defineExec(context: CliContext): Command {
  const repeat = (flags: string, text: string) => new Option(flags, text).argParser(collect);
  const command = new Command("exec")
    .option("-C, --directory <dir>", "directory whose files the jobs see", ".")
    .option("-W, --workflows <path>", "workflow file or folder (default: .gitea, .forgejo or .github/workflows)")
    .addOption(repeat("-j, --job <id>", "only this job and those it needs; repeatable"))
    .option("-E, --event <name>", "event (default: workflow_dispatch where it is declared, else the first declared)")
    .option("-e, --eventpath <file>", "JSON file with the event's payload")
    .addOption(
      repeat("-s, --secret <name[=value]>", "secret; NAME alone takes the value from the environment; repeatable"),
    )
    .option("--secret-file <file>", "file of NAME=VALUE lines with secrets")
    .addOption(repeat("--var <name=value>", "variable of the vars context; repeatable"))
    .addOption(repeat("--env <name=value>", "environment variable of the jobs; repeatable"))
    .option("--env-file <file>", "file of NAME=VALUE lines with more of them", ".env")
    .addOption(repeat("--input <name=value>", "input of workflow_dispatch; repeatable"))
    .addOption(repeat("--matrix <key:value>", "only the legs of a matrix that have this value; repeatable"))
    .option("-i, --image <image>", "run all jobs in containers of this image")
    .addOption(repeat("--label <name:docker://image>", "run the jobs with this label in a container; repeatable"))
    .option("--artifact-server-path <dir>", "keep the artifacts of the jobs in this folder (default: they go)")
    .option("-l, --list", "list the jobs and run nothing")
    .option("-n, --dryrun", "check the files, show the jobs in their order and run nothing")
    .option("-d, --debug", "show debug rows")
    .option("--json", "one JSON object per line for everything that happens");
  return addLogSettings(command)
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts exec\n  act-runner-ts exec -W .gitea/workflows/ci.yml -j test\n  act-runner-ts exec -W deploy.yml -s TOKEN --input stage=dev\n  act-runner-ts exec --matrix node:24 --label ubuntu-latest:docker://node:24\n\nJobs run on this machine, in a copy of the directory, as the user who calls, whatever their labels; only those that\nwant Windows or macOS are skipped elsewhere. Exit code 1 when a job fails.\nActions are fetched from https://github.com, or from ACT_RUNNER_GITHUB_MIRROR, and kept in ~/.cache/act-runner-ts.",
    )
    .action(async (options: ExecFlags) => {
      await exec(options, context);
    });
}

async function exec(options: ExecFlags, context: CliContext): Promise<void> {
  const directory = resolve(context.cwd, options.directory);
  const path = options.workflows === undefined ? undefined : resolve(context.cwd, options.workflows);
  const files = (await readLocalWorkflows(directory, path)).map((file) => ({
    ...file,
    path: shownPath(file.path, context),
  }));
  if (options.list || options.dryrun) return listLocalJobs(files, options, context);
  const workflows = files.flatMap(({ source }) => parseWorkflow(source).workflow ?? []);
  const printer = options.json
    ? new ExecJsonPrinter(context)
    : new ExecPrinter(context, outputColours(context.env, context.stdout));
  const result = await runHere(
    {
      directory,
      files,
      event: options.event ?? defaultEvent(workflows),
      eventPayload: await readPayload(options, context),
      ...(options.job === undefined ? {} : { jobs: options.job }),
      secrets: { ...(await readPairsFile(options.secretFile, context)), ...secretsOf(options.secret ?? [], context) },
      vars: pairs(options.var, "--var"),
      env: { ...(await readPairsFile(options.envFile, context, true)), ...pairs(options.env, "--env") },
      github: await localGithub(directory, context),
      matrix: matrixOf(options.matrix ?? []),
      debug: options.debug ?? false,
      printer,
    },
    options,
    context,
  );
  for (const line of printer.failures) context.stderr.write(`act-runner-ts: ${line}\n`);
  context.setExitCode(result === "success" ? 0 : result === "cancelled" ? EXIT_CODES.cancelled : 1);
}

/** A path as a person would type it here. */
function shownPath(path: string, { cwd }: CliContext): string {
  const below = relative(cwd, path);
  return below.startsWith("..") ? path : below;
}

type LocalRun = Omit<
  RunLocalOptions,
  "place" | "git" | "clock" | "ids" | "logger" | "signal" | "version" | "timeoutMs"
>;

/** Runs in a folder of its own that is removed afterwards. */
async function runHere(run: LocalRun, options: ExecFlags, context: CliContext): Promise<Outcome> {
  const logger = makeLogger(options, context);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "act-runner-ts-exec-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const signals = stack.use(listenForStop(process, context.clock));
  const cancel = new AbortController();
  signals.stop.addEventListener("abort", () => cancel.abort("cancelled"), { once: true });
  const { clock, ids } = context;
  const cacheDir = join(
    context.env["XDG_CACHE_HOME"] || join(context.env["HOME"] || homedir(), ".cache"),
    "act-runner-ts",
  );
  const services = stack.use(
    new LocalServices({ folder, cacheDir: join(cacheDir, "caches"), clock, ids, log: logger }),
  );
  const place = await execPlace({ folder, image: options.image, labels: options.label ?? [], logger }, context);
  const result = await runLocal({
    ...run,
    services,
    timeoutMs: JOB_TIMEOUT_MS,
    version: await packageVersion(),
    place,
    git: new Git({ path: context.env["PATH"] ?? "" }),
    actions: machineActions({
      cacheDir,
      environment: context.env,
      ids: context.ids,
      githubMirror: context.env["ACT_RUNNER_GITHUB_MIRROR"] ?? "",
    }),
    ...{ clock, ids, logger, signal: cancel.signal },
  });
  if (options.artifactServerPath !== undefined) {
    const saved = await services.saveArtifacts(resolve(context.cwd, options.artifactServerPath));
    for (const path of saved) context.stderr.write(`Artifact: ${shownPath(path, context)}\n`);
  }
  return result;
}

function pairs(texts: readonly string[] | undefined, flag: string): Record<string, string> {
  return Object.fromEntries((texts ?? []).map((text) => keyValue(text, flag)));
}

/** @throws UsageError when one is not `key:value` */
function matrixOf(texts: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const asked = new Map<string, Set<string>>();
  for (const text of texts) {
    const at = text.indexOf(":");
    if (at < 1) throw new UsageError(`--matrix ${text} is not KEY:VALUE, such as node:24`);
    const [key, value] = [text.slice(0, at), text.slice(at + 1)];
    asked.set(key, (asked.get(key) ?? new Set()).add(value));
  }
  return asked;
}

function secretsOf(texts: readonly string[], { env }: CliContext): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      if (text.includes("=")) return keyValue(text, "--secret");
      const value = env[text];
      if (value === undefined)
        throw new AppError("invalid", `the secret ${text} is not in the environment: export it first`);
      return [text, value];
    }),
  );
}

async function readPairsFile(
  path: string | undefined,
  context: CliContext,
  optional = false,
): Promise<Record<string, string>> {
  if (path === undefined) return {};
  try {
    return parseEnvText(await readFile(resolve(context.cwd, path), "utf8"));
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new AppError("invalid", `${path} cannot be read (${errorText(error)}): check the path`, error);
  }
}

async function readPayload(options: ExecFlags, context: CliContext): Promise<Record<string, JsonValue>> {
  const inputs = pairs(options.input, "--input");
  if (options.eventpath === undefined) return { inputs };
  try {
    const text = await readFile(resolve(context.cwd, options.eventpath), "utf8");
    const payload = JSON.parse(text) as Record<string, JsonValue>;
    return { ...payload, inputs: { ...(payload["inputs"] as Record<string, JsonValue> | undefined), ...inputs } };
  } catch (error) {
    throw new AppError(
      "invalid",
      `the event ${options.eventpath} cannot be read (${errorText(error)}): it has to be a JSON object`,
      error,
    );
  }
}
