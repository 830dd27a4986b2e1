import { stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { Command, Option } from "commander";
import { AppError } from "../../lib/errors.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { createRepository } from "../create-repository.ts";
import { followToEnd } from "../follow-outcome.ts";
import { knownRepository } from "../known-repository.ts";
import { repositoryPath } from "../repository-scope.ts";
import type { RestClient } from "../rest-client.ts";
import type { RestRun } from "../rest-types.ts";
import { workflowName } from "../run-tables.ts";
import { sanitize } from "../sanitize.ts";
import { collect, keyValue, wholeNumber } from "../settings.ts";
import { UsageError } from "../usage-error.ts";
import { countChanges, findWorkTree, type WorkTree } from "../work-tree.ts";

interface RunFlags extends ClientOptions {
  readonly repo?: string;
  readonly ref?: string;
  readonly event?: string;
  readonly input?: readonly string[];
  readonly priority?: number;
  readonly follow?: boolean;
}

/** What is submitted, in the words of the REST interface. */
interface Submission {
  /** `owner/name`. */
  readonly repository: string;
  readonly workflow: string;
  readonly ref?: string;
  readonly sha?: string;
}

/** `run WORKFLOW`: runs a committed workflow on the server. */
export function defineRun(context: CliContext): Command {
  const command = new Command("run")
    .argument("<workflow>", "file of the workflow: its path, or its name in .gitea, .forgejo or .github/workflows")
    .option(
      "-R, --repo <owner/name>",
      "repository (default: the work tree's, which is made known to the server if needed)",
    )
    .option("--ref <ref>", "branch, tag or full ref (default: HEAD of the work tree)")
    .option("--event <name>", "event (default: workflow_dispatch where it is declared, else the first declared)")
    .addOption(new Option("-i, --input <name=value>", "input of workflow_dispatch; repeatable").argParser(collect))
    .addOption(
      new Option(
        "--priority <n>",
        "of the jobs that wait, those with the higher priority go first (default: 0)",
      ).argParser(wholeNumber(-1000)),
    )
    .option("-f, --follow", "print the logs until the run is done; exit code 1 where it does not succeed");
  return addClientOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts run examples/hello.yml --follow\n  act-runner-ts run deploy.yml --repo me/app --ref v1.2 --input stage=prod\n\nThe commit of HEAD is what runs: changes that are not committed are not part of it.",
    )
    .action(async (workflow: string, options: RunFlags) => {
      await run(workflow, options, context);
    });
}

async function run(workflow: string, options: RunFlags, context: CliContext): Promise<void> {
  const client = await openClient(context, options);
  const tree = await findWorkTree(context.cwd, context);
  const submission = await chooseSubmission(client, workflow, tree, options, context);
  const actions = `${repositoryPath(submission.repository)}/actions`;
  const created = await submit(client, submission, options, context);
  if (!options.json) {
    const commit = `${created.head_branch}@${created.head_sha.slice(0, 10)}`;
    context.stdout.write(
      sanitize(
        `Run ${created.id} of ${submission.repository}: ${workflowName(created)} (${created.event}, ${commit})`,
      ).concat("\n"),
    );
  }
  if (options.follow) {
    await followToEnd({ client, actions, runId: created.id }, options, context);
  } else if (options.json) {
    printJson(context.stdout, created);
  } else {
    context.stdout.write(
      `Follow it with "act-runner-ts logs -f ${created.id}"${created.html_url ? `, or open ${created.html_url}` : ""}\n`,
    );
  }
}

/** Submits; what the server finds in the workflow file goes to stderr, one line each. */
async function submit(
  client: RestClient,
  submission: Submission,
  options: RunFlags,
  context: CliContext,
): Promise<SubmittedRun> {
  const given = (options.input ?? []).map((text) => keyValue(text, "--input"));
  const body = {
    ...submission,
    ...(options.event === undefined ? {} : { event: options.event }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    ...(given.length === 0 ? {} : { inputs: Object.fromEntries(given) }),
  };
  try {
    const run = await client.request<SubmittedRun>("POST", "/runs", { body });
    printFindings(submission.workflow, run.warnings ?? [], context);
    return run;
  } catch (error) {
    const details =
      error instanceof AppError ? (error.details as { diagnostics?: readonly Finding[] } | undefined) : undefined;
    printFindings(submission.workflow, details?.diagnostics ?? [], context);
    throw error;
  }
}

/** A finding in a workflow file, as the server tells it. */
interface Finding {
  readonly severity?: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

type SubmittedRun = RestRun & { readonly warnings?: readonly Finding[] };

function printFindings(file: string, findings: readonly Finding[], context: CliContext): void {
  for (const { line, column, severity, message } of findings) {
    context.stderr.write(sanitize(`${file}:${line}:${column}: ${severity ?? "warning"}: ${message}`).concat("\n"));
  }
}

async function chooseSubmission(
  client: RestClient,
  workflow: string,
  tree: WorkTree | undefined,
  options: RunFlags,
  context: CliContext,
): Promise<Submission> {
  const ref = options.ref === undefined ? {} : { ref: options.ref };
  if (options.repo !== undefined) return { repository: options.repo, workflow, ...ref };
  if (tree === undefined) {
    throw new UsageError(`${context.cwd} is not in a git work tree: name the repository with --repo owner/name`);
  }
  const repository = (await knownRepository(client, tree)) ?? (await announceNew(client, tree, context));
  const path = await pathInTree(workflow, tree, context);
  if (options.ref !== undefined) return { repository: repository.full_name, workflow: path, ...ref };
  const changes = await countChanges(tree, context);
  if (changes > 0) {
    const files = changes === 1 ? "1 file that differs" : `${changes} files that differ`;
    context.stderr.write(
      `act-runner-ts: warning: ${files} from HEAD: the run uses the commit ${tree.sha.slice(0, 10)} without them\n`,
    );
  }
  const at = { sha: tree.sha, ...(tree.ref === undefined ? {} : { ref: tree.ref }) };
  return { repository: repository.full_name, workflow: path, ...at };
}

async function announceNew(client: RestClient, tree: WorkTree, context: CliContext) {
  const repository = await createRepository(client, tree);
  context.stderr.write(sanitize(`The server now knows ${tree.root} as ${repository.full_name}`).concat("\n"));
  return repository;
}

/** A path below the work tree's root for a file that is there; anything else is left to the server to find. */
async function pathInTree(workflow: string, tree: WorkTree, context: CliContext): Promise<string> {
  const full = resolve(context.cwd, workflow);
  const found = await stat(full).catch(() => undefined);
  if (found?.isFile() !== true) return workflow;
  const path = relative(tree.root, full);
  if (path.startsWith(".."))
    throw new AppError("invalid", `${workflow} lies outside the work tree ${tree.root}: name a file inside it`);
  return path;
}
