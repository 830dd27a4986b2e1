import { type CheckoutPlace, checkoutCommit } from "../../drivers/git/checkout-commit.ts";
import { type GitCredential, remoteConfig } from "../../drivers/git/git-credential.ts";
import { gitEnvironment } from "../../drivers/git/git-environment.ts";
import { AppError } from "../../lib/errors.ts";
import type { StageEnd, StageScope, StepHandler } from "../engine/step-handler.ts";
import { type CheckoutRequest, readCheckoutInputs } from "./checkout-inputs.ts";
import { runInJob } from "./run-in-job.ts";

/** Keys under which the main stage tells the post stage what to remove. */
const CREDENTIAL_FILE = "credentialFile";
const DIRECTORY = "directory";
const MAX_LINES = 200;

/**
 * `actions/checkout`, built in: the exact commit of the run, from the instance that sent the task, with the job's token
 * in git's environment. It needs git in the job's environment, and neither Node nor a download.
 */
export const builtinCheckout: StepHandler = { main: checkOut, post: removeCredential };

async function checkOut(scope: StageScope): Promise<StageEnd> {
  const inputs = scope.step.with === undefined ? new Map<string, string>() : await scope.mapping(scope.step.with);
  const request = readCheckoutInputs(inputs, scope.github, scope.token);
  if (scope.local && request.repository === scope.github["repository"]) {
    await scope.log("The workspace holds the files of the local folder, with its changes; nothing is fetched.");
    scope.output("ref", request.ref ?? "");
    scope.output("commit", request.sha ?? "");
    return { outcome: "success" };
  }
  const { workspace, temp } = scope.environment.paths;
  const dir = targetFolder(scope, request.path);
  const url = `${request.serverUrl}/${request.repository}`;
  const credential = toCredential(request.token);
  const git = new GitInJob(scope, url, credential);
  await git.start();
  await scope.log(`##[group]Checking out ${request.repository}`);
  const ref = await git.fullRef(request);
  await scope.log(`Repository: ${url}`);
  await scope.log(`Commit: ${request.sha ?? ref ?? "the newest of the default branch"}`);
  const credentialFile = request.persistCredentials
    ? scope.join(temp, `git-credential-${scope.ids.uuid()}`)
    : undefined;
  if (credential !== undefined && credentialFile !== undefined) scope.saved.set(CREDENTIAL_FILE, credentialFile);
  scope.saved.set(DIRECTORY, dir);
  const {
    path,
    repository: _repository,
    serverUrl: _server,
    token: _token,
    persistCredentials: _persist,
    ...rest
  } = request;
  await checkoutCommit(
    { ...rest, ref, url, credential, insecure: git.insecure, dir, path: git.path, credentialFile },
    { signal: scope.signal, place: git },
  );
  const commit = await git.head(dir);
  scope.output("ref", request.ref ?? request.sha ?? "");
  scope.output("commit", commit);
  await scope.log(`HEAD is now at ${commit} in ${path === "" ? workspace : dir}`);
  await scope.log("##[endgroup]");
  return { outcome: "success" };
}

/** Takes the token out of the work tree's reach; the file itself goes with the job's folders. */
async function removeCredential(scope: StageScope): Promise<StageEnd> {
  const file = scope.saved.get(CREDENTIAL_FILE);
  const dir = scope.saved.get(DIRECTORY);
  if (file === undefined || dir === undefined) return { outcome: "success" };
  await scope.environment.writeFile(file, "", { mode: 0o600 });
  const git = new GitInJob(scope, "", undefined);
  await git.start();
  await git.run(
    ["git", "-C", dir, "config", "--local", "--unset-all", "include.path", "git-credential"],
    git.plainEnv(),
  );
  return { outcome: "success" };
}

function targetFolder(scope: StageScope, path: string): string {
  const { workspace } = scope.environment.paths;
  const dir = path === "" ? workspace : scope.join(workspace, path);
  if (dir === workspace || dir.startsWith(`${workspace}/`) || dir.startsWith(`${workspace}\\`))
    return dir.replace(/[/\\]+$/, "");
  throw new AppError("invalid", `the input 'path' of the checkout leaves the workspace: '${path}'`);
}

function toCredential(token: string | undefined): GitCredential | undefined {
  return token === undefined ? undefined : { kind: "basic", username: "x-access-token", password: token };
}

/** Git, run in the job's environment. */
class GitInJob implements CheckoutPlace {
  readonly #scope: StageScope;
  readonly #url: string;
  readonly #credential: GitCredential | undefined;
  /** PATH of the job. */
  path = "";

  constructor(scope: StageScope, url: string, credential: GitCredential | undefined) {
    this.#scope = scope;
    this.#url = url;
    this.#credential = credential;
  }

  /** `runner.insecure` is about the job's own server alone. */
  get insecure(): boolean {
    const server = String(this.#scope.github["server_url"] ?? "");
    return this.#scope.insecure && URL.canParse(server) && new URL(server).origin === new URL(this.#url).origin;
  }

  /** Finds git. @throws AppError not_found */
  async start(): Promise<void> {
    const { environment } = this.#scope;
    const env = await this.#scope.env();
    this.path = env["PATH"] ?? environment.baseEnv["PATH"] ?? "";
    if ((await environment.which("git", env)) === undefined) {
      throw new AppError("not_found", "git is not on the PATH of the job: install it where jobs run");
    }
  }

  /** Git's environment without a credential. */
  plainEnv(): Record<string, string> {
    return gitEnvironment({ path: this.path, allowProtocols: [], config: [["safe.directory", "*"]] });
  }

  async run(argv: readonly [string, ...string[]], env: Readonly<Record<string, string>>) {
    const { code, stderr } = await this.#exec(argv, env);
    return { code, stderr: stderr.join("\n") };
  }

  async write(path: string, content: string, mode: number): Promise<void> {
    await this.#scope.environment.writeFile(path, content, { mode });
  }

  /** The full name of what is asked for; a short name is a branch, or else a tag. */
  async fullRef({ ref }: CheckoutRequest): Promise<string | undefined> {
    if (ref === undefined || ref.startsWith("refs/")) return ref;
    const candidates = [`refs/heads/${ref}`, `refs/tags/${ref}`];
    const env = gitEnvironment({
      path: this.path,
      allowProtocols: ["https", "http"],
      followRedirects: true,
      config: remoteConfig({ url: this.#url, credential: this.#credential, insecure: this.insecure }),
    });
    const { code, stdout, stderr } = await this.#exec(["git", "ls-remote", "--", this.#url, ...candidates], env);
    if (code !== 0)
      throw new AppError(
        "unavailable",
        `the refs of ${this.#url} could not be read: ${stderr.at(-1) ?? `exit code ${code}`}`,
      );
    const found = stdout.map((line) => line.split("\t")[1]);
    const name = candidates.find((candidate) => found.includes(candidate));
    if (name !== undefined) return name;
    throw new AppError("not_found", `${this.#url} has neither a branch nor a tag '${ref}'`);
  }

  /** The commit that is checked out. */
  async head(dir: string): Promise<string> {
    const { stdout } = await this.#exec(["git", "-C", dir, "rev-parse", "HEAD"], this.plainEnv());
    return stdout[0]?.trim() ?? "";
  }

  #exec(argv: readonly [string, ...string[]], env: Readonly<Record<string, string>>) {
    return runInJob(this.#scope, argv, { env, maxLines: MAX_LINES });
  }
}
