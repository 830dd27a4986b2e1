import { posix } from "node:path";
import { AppError } from "../../lib/errors.ts";
import { tarEntries } from "../../lib/tar-entries.ts";
import type { StageEnd, StageScope, StepHandler } from "../engine/step-handler.ts";
import { zipOfTar } from "./artifact-archive.ts";
import { ArtifactClient } from "./artifact-client.ts";
import { BuiltinInputs } from "./builtin-inputs.ts";
import { openJobServices } from "./job-services.ts";
import { JobTools } from "./job-tools.ts";
import { commonFolder, isBelow, PathPatterns } from "./path-patterns.ts";

const WHAT = "the upload of an artifact";
const DAY_MS = 86_400_000;
const DEFAULT_LEVEL = 6;
const MAX_LEVEL = 9;

/**
 * `actions/upload-artifact`, built in; inputs and outputs are those of its version 7. The files are read by `find` and
 * `tar` of the job and sent by the runner, so that the job needs neither Node nor a download.
 */
export const builtinUploadArtifact: StepHandler = { main: upload };

async function upload(scope: StageScope): Promise<StageEnd> {
  const request = await readRequest(scope);
  const tools = await JobTools.open(scope);
  const found = await findFiles(scope, tools, request);
  if (found.files.length === 0) return await nothingFound(scope, request);
  const count = `${found.files.length} file${found.files.length === 1 ? "" : "s"}`;
  await scope.log(`With the provided path, there will be ${count} uploaded`);
  if (!request.archive && found.files.length > 1) {
    throw new AppError("invalid", `with 'archive: false' one file is uploaded, but the path means ${count}`);
  }
  const name = request.archive ? request.name : posix.basename(found.files[0] as string);
  const artifacts = new ArtifactClient(await openJobServices(scope));
  if (request.overwrite) await artifacts.delete(name);
  const expiresAt = request.retentionDays === 0 ? undefined : scope.clock.now() + request.retentionDays * DAY_MS;
  await using packed = await tools.pack(found.files, { followLinks: true });
  const nameOf = (path: string) => posix.relative(found.root, path.slice(1));
  const content = () =>
    request.archive ? zipOfTar(packed, { nameOf, level: request.level }) : onlyFile(packed.read());
  const contentType = request.archive ? "application/zip" : "application/octet-stream";
  const { id, size, digest } = await artifacts.upload({ name, contentType, expiresAt }, content);
  const { server_url, repository, run_id } = scope.github;
  const url = `${String(server_url)}/${String(repository)}/actions/runs/${String(run_id)}/artifacts/${id}`;
  scope.output("artifact-id", id);
  scope.output("artifact-digest", digest);
  scope.output("artifact-url", url);
  await scope.log(`Artifact ${name} has been uploaded: ${size} bytes, SHA-256 ${digest}, id ${id}`);
  await scope.log(`Artifact download URL: ${url}`);
  return { outcome: "success" };
}

async function readRequest(scope: StageScope) {
  const inputs = await BuiltinInputs.of(scope, WHAT);
  return {
    name: inputs.text("name", "artifact"),
    path: inputs.required("path"),
    lines: inputs.lines("path"),
    ifNoFilesFound: inputs.word("if-no-files-found", ["warn", "error", "ignore"]),
    retentionDays: inputs.number("retention-days", 0),
    level: inputs.number("compression-level", DEFAULT_LEVEL, MAX_LEVEL),
    overwrite: inputs.flag("overwrite", false),
    hidden: inputs.flag("include-hidden-files", false),
    archive: inputs.flag("archive", true),
  };
}

type UploadRequest = Awaited<ReturnType<typeof readRequest>>;

/** The files, and the folder that their names in the artifact begin at. */
async function findFiles(scope: StageScope, tools: JobTools, { lines, hidden }: UploadRequest) {
  const { workspace } = scope.environment.paths;
  const patterns = new PathPatterns(lines, { workspace, home: tools.home, descendants: true });
  const all = await tools.find(patterns, { filesOnly: true });
  const files = hidden ? all : all.filter((file) => !patterns.roots.some((root) => isHidden(file, root)));
  const [root = "/"] = patterns.roots;
  const isOneFile = patterns.roots.length === 1 && files.length === 1 && files[0] === root;
  return { files, root: isOneFile ? posix.dirname(root) : commonFolder(patterns.roots) };
}

/** Whether a name on the way from a search root to the file begins with a dot; the root's own counts too. */
function isHidden(file: string, root: string): boolean {
  if (file !== root && !isBelow(file, root)) return false;
  return file
    .slice(posix.dirname(root).length)
    .split("/")
    .some((name) => name.startsWith("."));
}

async function nothingFound(scope: StageScope, { path, ifNoFilesFound }: UploadRequest): Promise<StageEnd> {
  const sentence = `No files were found with the provided path: ${path}. No artifacts will be uploaded.`;
  if (ifNoFilesFound === "error") return { outcome: "failure", message: sentence };
  await scope.log(`${ifNoFilesFound === "warn" ? "##[warning]" : ""}${sentence}`);
  return { outcome: "success" };
}

async function* onlyFile(archive: Parameters<typeof tarEntries>[0]): AsyncGenerator<Uint8Array> {
  for await (const { content } of tarEntries(archive)) return yield* content;
}
